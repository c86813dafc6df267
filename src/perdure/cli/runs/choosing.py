"""Which runs a command is about: those that are named, or all that fit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from perdure.app.door import Door
    from perdure.core.records import RunRecord, RunStatus
    from perdure.runs.handles import Run

PAGE = 500

RunArguments = Annotated[
    list[str] | None, typer.Argument(metavar="RUN…", help="The runs' ids; else all that fit the options.")
]
WorkflowOption = Annotated[
    str | None, typer.Option("--workflow", help="All of this workflow; an agent's is agent:NAME.")
]
QueueOption = Annotated[str | None, typer.Option("--queue", help="All of this queue.")]


class Choice(NamedTuple):
    """Ids, or what all runs that are meant have in common."""

    run_ids: tuple[str, ...]
    workflow: str | None
    queue: str | None

    @property
    def is_by_id(self) -> bool:
        """Whether each run is named."""
        return bool(self.run_ids)


def chosen(run_ids: list[str] | None, workflow: str | None, queue: str | None) -> Choice:
    """Raises: what tells of misuse, where runs are named and described, or neither."""
    from perdure.cli.exits import misused

    if bool(run_ids) == (workflow is not None or queue is not None):
        raise misused("RUN…", "name runs by their ids, or choose them by --workflow and --queue")
    return Choice(tuple(run_ids or ()), workflow, queue)


async def fitting(
    door: Door, choice: Choice, status: RunStatus, fits: Callable[[RunRecord], bool] = bool
) -> AsyncIterator[RunRecord]:
    """The runs of the door's tenant that fit, page by page, the newest first."""
    access, before = door.access, None
    while page := await access.store.runs.list(
        tenant=access.tenant,
        status=(status,),
        workflow=choice.workflow,
        queue=choice.queue,
        before=before,
        limit=PAGE,
    ):
        for run in page:
            if fits(run):
                yield run
        before = page[-1].created_at, page[-1].run_id


async def act_on_each(
    door: Door, found: AsyncIterator[RunRecord], act: Callable[[Run[object]], Awaitable[object]]
) -> int:
    """Act on each run; how many there were. One that has moved on meanwhile is left, and told.

    Raises: what else the action raises; what was done before stays done.
    """
    from perdure.cli.terminal import notes
    from perdure.errors import RunNotFound, RunStateWrong, TurnSuperseded

    done = 0
    async for run in found:
        try:
            await act(door.run(run.run_id))
        except (RunStateWrong, RunNotFound, TurnSuperseded) as error:
            notes().print(f"left: {error}", markup=False)
        else:
            done += 1
    return done

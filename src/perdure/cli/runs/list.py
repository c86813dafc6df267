"""`perdure runs list`: runs, the newest first."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from perdure.cli.opening import StoreOption, TenantsOption, opened

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.core.records import RunRecord, RunStatus

PARKED = "parked"
PAGE = 100

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]


def list_runs(
    store: StoreOption = None,
    status: Annotated[list[str] | None, typer.Option(help="Only runs with this status; may be said again.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow; an agent's is agent:NAME.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only runs of this queue.")] = None,
    tenant: TenantsOption = None,
    limit: Limit = 30,
) -> None:
    """List runs, the newest first."""
    asyncio.run(_list(store, tenant, status or [], workflow, queue, limit))


def _statuses(given: list[str]) -> tuple[RunStatus, ...]:
    from perdure.cli.exits import misused
    from perdure.core.records import RunStatus

    known = get_args(RunStatus)
    for status in given:
        if status not in {*known, PARKED}:
            raise misused("--status", f"one of {', '.join((*known, PARKED))}, not {status!r}")
    return cast("tuple[RunStatus, ...]", tuple("suspended" if status == PARKED else status for status in given))


async def _list(
    store: str | None,
    tenant: str | None,
    given: list[str],
    workflow: str | None,
    queue: str | None,
    limit: int,
) -> None:
    from perdure.cli.colours import RUN_STYLE
    from perdure.cli.durations import ago
    from perdure.cli.tables import Rows
    from perdure.cli.terminal import answers, notes
    from perdure.stores.port import EVERY_TENANT

    status = _statuses(given)
    async with opened(store, tenant) as door:
        find = partial(door.access.store.runs.list, tenant=tenant or EVERY_TENANT, workflow=workflow, queue=queue)
        runs: list[RunRecord] = []
        before, size = None, max(limit, PAGE) if PARKED in given else limit
        while len(runs) < limit:  # that a run is parked is no status of its own: pages are looked through for it
            page = await find(status=status, before=before, limit=size)
            runs += [run for run in page if not given or run.status in given or state(run) in given]
            if len(page) < size:
                break
            before = page[-1].created_at, page[-1].run_id
        runs = runs[:limit]
        now = door.access.clock.now()
    if not runs:
        notes().print("no runs")
        return
    names = ("run", "tenant", "workflow", "status", "took", "made", "why")
    cells = [
        (run.run_id, run.tenant or "", run.workflow, state(run), _took(run, now), ago(run.created_at, now), why(run))
        for run in runs
    ]
    answers().print(Rows(names, cells, [RUN_STYLE[run.status] for run in runs]))


def state(run: RunRecord) -> str:
    """A run's status, and whether it is parked."""
    return PARKED if run.is_parked else run.status


def _took(run: RunRecord, now: datetime) -> str:
    from perdure.cli.durations import took

    return took(((run.completed_at or now) - run.created_at).total_seconds())


def why(run: RunRecord) -> str:
    """What a run waits for, or why it ended as it did."""
    from perdure.cli.terminal import short

    if run.failure is not None:
        return short(f"{run.failure.cause_type}: {run.failure.message}", 60)
    return waits_for(run) or run.cancel_reason or ""


def waits_for(run: RunRecord) -> str:
    """What a run waits for; of a question, that somebody is to answer it: its id says nothing to a person."""
    from perdure.core import keys

    asked = keys.question("")
    waits = ("a person's answer" if key.startswith(asked) else key for key in run.waiting_for)
    return ", ".join(dict.fromkeys(waits))

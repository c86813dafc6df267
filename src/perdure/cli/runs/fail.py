"""`perdure runs fail`: runs that nobody has are given up; parked ones, say."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from perdure.cli.opening import StoreOption, TenantOption, opened
from perdure.cli.runs.choosing import Choice, QueueOption, RunArguments, WorkflowOption, chosen


def fail_runs(
    run_ids: RunArguments = None,
    workflow: WorkflowOption = None,
    queue: QueueOption = None,
    reason: Annotated[str | None, typer.Option(help="Why; told before why the run was parked, if it was.")] = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
) -> None:
    """Fail runs that no worker has. By --workflow and --queue, only parked ones: no code agrees with what they did."""
    asyncio.run(_fail(store, tenant, chosen(run_ids, workflow, queue), reason))


async def _fail(store: str | None, tenant: str | None, choice: Choice, reason: str | None) -> None:
    from perdure.cli.runs.choosing import act_on_each, fitting
    from perdure.cli.terminal import notes
    from perdure.errors import RunStateWrong

    async with opened(store, tenant) as door:
        for run_id in choice.run_ids:
            run = await door.run(run_id).fail(reason)
            if run.status != "failed":
                raise RunStateWrong(run_id, run.status, "it has ended already")
        count = len(choice.run_ids)
        if not choice.is_by_id:
            parked = fitting(door, choice, "suspended", lambda run: run.is_parked)
            count = await act_on_each(door, parked, lambda run: run.fail(reason))
    notes().print(f"[green]✓[/] {count} failed")

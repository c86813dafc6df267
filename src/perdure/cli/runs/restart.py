"""`perdure runs restart`: failed runs are queued again."""

from __future__ import annotations

import asyncio

from perdure.cli.opening import StoreOption, TenantOption, opened
from perdure.cli.runs.choosing import Choice, QueueOption, RunArguments, WorkflowOption, chosen


def restart_runs(
    run_ids: RunArguments = None,
    workflow: WorkflowOption = None,
    queue: QueueOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
) -> None:
    """Queue failed runs again; the steps that they failed with are tried again, no other one is."""
    asyncio.run(_restart(store, tenant, chosen(run_ids, workflow, queue)))


async def _restart(store: str | None, tenant: str | None, choice: Choice) -> None:
    from perdure.cli.runs.choosing import act_on_each, fitting
    from perdure.cli.terminal import notes

    async with opened(store, tenant) as door:
        for run_id in choice.run_ids:
            await door.run(run_id).restart()
        count = len(choice.run_ids)
        if not choice.is_by_id:
            count = await act_on_each(door, fitting(door, choice, "failed"), lambda run: run.restart())
    notes().print(f"[green]✓[/] {count} queued again; a worker goes on")

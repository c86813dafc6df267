"""`perdure runs cancel`: the end of a run, and of its children."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from perdure.cli.opening import StoreOption, TenantOption, opened
from perdure.cli.runs.show import RunArgument


def cancel_run(
    run_id: RunArgument,
    reason: Annotated[str, typer.Option(help="Why; kept with the run.")] = "",
    tenant: TenantOption = None,
    store: StoreOption = None,
) -> None:
    """Cancel a run and its children; returns when it has ended, at the latest after 5 s."""
    asyncio.run(_cancel(store, tenant, run_id, reason))


async def _cancel(store: str | None, tenant: str | None, run_id: str, reason: str) -> None:
    from perdure.cli.terminal import notes
    from perdure.errors import RunStateWrong

    async with opened(store, tenant) as door:
        run = await door.run(run_id).cancel(reason)
    if run.status != "cancelled":
        raise RunStateWrong(run_id, run.status, "it has ended already, so there is nothing to cancel")
    notes().print(f"[green]✓[/] the run is {run.status}")

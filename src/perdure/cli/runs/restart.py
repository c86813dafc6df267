"""`perdure runs restart`: a failed run is queued again."""

from __future__ import annotations

import asyncio

from perdure.cli.opening import StoreOption, opened
from perdure.cli.runs.show import RunArgument


def restart_run(run_id: RunArgument, store: StoreOption = None) -> None:
    """Queue a failed run again; the steps that it failed with are tried again, no other one is."""
    asyncio.run(_restart(store, run_id))


async def _restart(store: str | None, run_id: str) -> None:
    from perdure.cli.terminal import notes

    async with opened(store) as client:
        await client.run(run_id).restart()
    notes().print("[green]✓[/] queued again; a worker goes on with it")

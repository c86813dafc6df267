"""`perdure threads list`: threads, the newest first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.opening import StoreOption, opened
from perdure.cli.runs.list import Limit

if TYPE_CHECKING:
    from perdure.core.threads import ThreadRecord


def list_threads(
    store: StoreOption = None,
    agent: Annotated[str | None, typer.Option(help="Only threads of this agent.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only threads of this owner.")] = None,
    limit: Limit = 30,
) -> None:
    """List threads, the newest first."""
    asyncio.run(_list(store, agent, owner, limit))


async def _list(store: str | None, agent: str | None, owner: str | None, limit: int) -> None:
    from perdure.cli.colours import THREAD_STYLE
    from perdure.cli.durations import ago
    from perdure.cli.tables import columns
    from perdure.cli.terminal import answers, notes

    async with opened(store) as client:
        threads = await client.threads.list(agent=agent, owner=owner, limit=limit)
        now = client.clock.now()
    if not threads:
        notes().print("no threads")
        return
    table = columns("thread", "agent", "status", "turns", "made", "title", "why")
    for thread in threads:
        cells = (thread.thread_id, thread.agent, thread.status, str(thread.turn), ago(thread.created_at, now))
        table.add_row(*cells, thread.title or "", why(thread), style=THREAD_STYLE[thread.status])
    answers().print(table)


def why(thread: ThreadRecord) -> str:
    """Why its latest turn was stopped or failed."""
    from perdure.cli.terminal import short

    if thread.failure is not None:
        return short(f"{thread.failure.cause_type}: {thread.failure.message}", 60)
    return thread.reason or ""

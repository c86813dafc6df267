"""`perdure threads list`: threads, the newest first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.opening import StoreOption, TenantsOption, opened
from perdure.cli.runs.list import Limit

if TYPE_CHECKING:
    from perdure.core.threads import ThreadRecord


def list_threads(
    store: StoreOption = None,
    agent: Annotated[str | None, typer.Option(help="Only threads of this agent.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only threads of this owner.")] = None,
    tenant: TenantsOption = None,
    limit: Limit = 30,
) -> None:
    """List threads, the newest first."""
    asyncio.run(_list(store, tenant, agent, owner, limit))


async def _list(store: str | None, tenant: str | None, agent: str | None, owner: str | None, limit: int) -> None:
    from perdure.cli.colours import THREAD_STYLE
    from perdure.cli.durations import ago
    from perdure.cli.tables import Rows
    from perdure.cli.terminal import answers, notes
    from perdure.stores.port import EVERY_TENANT

    async with opened(store, tenant) as door:
        found = door.access.store.threads.list
        threads = await found(tenant=tenant or EVERY_TENANT, agent=agent, owner=owner, limit=limit)
        now = door.access.clock.now()
    if not threads:
        notes().print("no threads")
        return
    names = ("thread", "tenant", "agent", "status", "turns", "made", "title", "why")
    cells = [
        (
            thread.thread_id,
            thread.tenant or "",
            thread.agent,
            thread.status,
            str(thread.turn),
            ago(thread.created_at, now),
            thread.title or "",
            why(thread),
        )
        for thread in threads
    ]
    answers().print(Rows(names, cells, [THREAD_STYLE[thread.status] for thread in threads]))


def why(thread: ThreadRecord) -> str:
    """Why its latest turn was stopped or failed, or waits, and until when."""
    from perdure.cli.durations import at
    from perdure.cli.terminal import short

    if thread.failure is not None:
        return short(f"{thread.failure.cause_type}: {thread.failure.message}", 60)
    until = f"until {at(thread.waiting_until)}" if thread.waiting_until is not None else ""
    return " ".join(word for word in (thread.reason, until) if word)

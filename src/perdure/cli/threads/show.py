"""`perdure threads show`: a thread as its messages, with their tool calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.opening import StoreOption, TenantOption, opened

if TYPE_CHECKING:
    from rich.table import Table

    from perdure.core.threads import ThreadRecord

ThreadArgument = Annotated[str, typer.Argument(metavar="THREAD", help="The thread's id.")]


def show_thread(thread_id: ThreadArgument, tenant: TenantOption = None, store: StoreOption = None) -> None:
    """Show a thread: its messages, with their tool calls, and how its latest turn ended."""
    asyncio.run(_show(store, tenant, thread_id))


async def _show(store: str | None, tenant: str | None, thread_id: str) -> None:
    from perdure.cli.messages import said
    from perdure.cli.terminal import answers

    async with opened(store, tenant) as door:
        thread = await door.threads.get(thread_id)
        record, messages = await thread.record(), await thread.messages()
    out = answers()
    out.print(_head(record))
    for message in messages:
        out.print()
        out.print(said(message))


def _head(thread: ThreadRecord) -> Table:
    from perdure.cli.durations import at
    from perdure.cli.tables import facts
    from perdure.cli.threads.list import why

    return facts(
        ("thread", thread.thread_id),
        ("tenant", thread.tenant or ""),
        ("agent", thread.agent),
        ("status", thread.status),
        ("why", why(thread)),
        ("title", thread.title or ""),
        ("owner", thread.owner or ""),
        ("made", at(thread.created_at)),
        ("turns", str(thread.turn)),
        ("run", thread.run_id or ""),
    )

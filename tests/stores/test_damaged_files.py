"""A file that is damaged while it is open: every kind of read says so with a store error."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from perdure import App, Context
from perdure.core.values import Value
from perdure.errors import StoreInvalid
from perdure.stores import open_store
from perdure.stores.port import Store

# In a process of its own: to close a descriptor of the file here would drop SQLite's locks.
DAMAGE = "import os, sys; os.pwrite(os.open(sys.argv[1], os.O_RDWR), bytes(os.path.getsize(sys.argv[1]) - 4096), 4096)"

READS: dict[str, Callable[[Store], Awaitable[Value]]] = {
    "small": lambda store: store.runs.get("run"),
    "at one instant": lambda store: store.streams.read("run"),
    "long": lambda store: store.runs.load("run"),
}


@pytest.mark.parametrize("read", READS)
async def test_a_read_of_a_damaged_page_is_a_store_error(read: str, tmp_path: Path) -> None:
    app = App(f"sqlite:///{tmp_path}/perdure.db")

    @app.workflow
    async def nothing(ctx: Context) -> str:
        return ctx.run_id

    async with app:
        await (await app.start(nothing, run_id="run")).result()
    store = await open_store(app.url)
    try:
        damaged = await asyncio.create_subprocess_exec(sys.executable, "-c", DAMAGE, tmp_path / "perdure.db")
        assert await damaged.wait() == 0
        with pytest.raises(StoreInvalid, match="not a usable database"):
            await READS[read](store)
    finally:
        await store.close()

"""From a store into a kept file, when something holds, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from perdure.core.decisions.changes import Change, WriteWorker
from perdure.stores import open_store
from perdure.stores.port import Store
from tests.golden.files import FORMAT, Header, write


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Look until something holds."""
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - the store is asked, nothing tells of a state of several runs
            await asyncio.sleep(0.01)  # the workers of the app go on meanwhile


async def keep(store: Store, executed: Sequence[str], name: str, folder: Path, *, with_workers: bool = False) -> None:
    """Keep what a store holds as `program-moment`; an export leaves workers out, which a run of a dead one needs."""
    program, moment = name.split("-")
    rows: list[Change] = [row async for batch in store.transfer.export() for row in batch]
    if with_workers:
        # whoever reads it does so after a reboot or on another machine, so every recording says that at once
        elsewhere = {"host": "elsewhere", "boot_id": "an earlier one"}
        rows += [
            WriteWorker(msgspec.structs.replace(one, **elsewhere), is_new=True) for one in await store.workers.list()
        ]
    write(Header(FORMAT, program, moment, list(executed)), rows, folder)


async def loaded(url: str, rows: Sequence[Change]) -> Store:
    """An open store with what was kept."""
    store = await open_store(url)
    await store.transfer.load(rows)
    return store

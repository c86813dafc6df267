"""A file that is damaged while it is open: every kind of read says so with a store error."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from perdure import App, Context
from perdure.core.values import Value
from perdure.errors import StoreInvalid, StoreReplaced
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness

# In a process of its own: to close a descriptor of the file here would drop SQLite's locks.
DAMAGE = "import os, sys; os.pwrite(os.open(sys.argv[1], os.O_RDWR), bytes(os.path.getsize(sys.argv[1]) - 4096), 4096)"

# Commits steps, and then dies as kill -9 would have it.
STEPS = """
import asyncio, os, sys
from perdure.stores import open_store
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness

async def main():
    store = await open_store(sys.argv[1])
    harness = StoreHarness(store, store.url, "", open_store, ManualClock())
    lease = await harness.running()
    for number in range(50):
        await store.commit(lease, harness.step(str(number)))
    os._exit(0)

asyncio.run(main())
"""

READS: dict[str, Callable[[Store], Awaitable[Value]]] = {
    "small": lambda store: store.runs.get("run", tenant=None),
    "at one instant": lambda store: store.streams.read("run", tenant=None),
    "long": lambda store: store.steps.list("run", tenant=None),
}


@pytest.mark.parametrize("read", READS)
async def test_a_read_of_a_damaged_page_is_a_store_error(read: str, tmp_path: Path) -> None:
    url, clock = f"sqlite:///{tmp_path}/perdure.db", ManualClock()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock)
    await harness.ended()
    await harness.close()
    store = await open_store(url)
    try:
        damaged = await asyncio.create_subprocess_exec(sys.executable, "-c", DAMAGE, tmp_path / "perdure.db")
        assert await damaged.wait() == 0
        with pytest.raises(StoreInvalid, match="not a usable database"):
            await READS[read](store)
    finally:
        await store.close()


# Files that are not whole.


@pytest.fixture
async def size(tmp_path: Path) -> int:
    """The size of a database that was closed."""
    app = App(f"sqlite:///{tmp_path}/perdure.db")

    @app.workflow
    async def count(ctx: Context) -> int:
        for number in range(20):
            await ctx.step(f"step {number}", "x".__mul__, 2000)
        return 20

    async with app:
        await (await app.start(count, run_id="run")).result()
    return os.stat(tmp_path / "perdure.db").st_size  # noqa: PTH116 - over in an instant


def cut(path: Path, size: int) -> bytes:
    os.truncate(path, size)
    return path.read_bytes()


@pytest.mark.parametrize("of_it", [0.0001, 0.01, 0.1, 0.5, 0.9])
async def test_a_file_that_is_cut_short_is_refused_and_left_as_it_is(tmp_path: Path, size: int, of_it: float) -> None:
    path = tmp_path / "perdure.db"
    left = cut(path, max(1, int(size * of_it)))
    for _ in range(2):
        with pytest.raises(StoreInvalid) as refused:
            await open_store(f"sqlite:///{path}")
        assert str(path) in str(refused.value)
    assert cut(path, len(left)) == left


@pytest.mark.parametrize("missing", [1, 4000, 4096])
async def test_a_file_whose_last_page_is_missing_or_cut_is_refused(tmp_path: Path, size: int, missing: int) -> None:
    path = tmp_path / "perdure.db"
    cut(path, size - missing)
    with pytest.raises(StoreInvalid, match=r"cut short|malformed"):
        await open_store(f"sqlite:///{path}")


async def killed(tmp_path: Path, kept: float) -> str:
    """The URL of a database whose process was killed, and of whose log so much is left."""
    url = f"sqlite:///{tmp_path}/perdure.db"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", STEPS, url)
    assert await process.wait() == 0
    log = tmp_path / "perdure.db-wal"
    cut(log, int(os.stat(log).st_size * kept))  # noqa: PTH116 - over in an instant
    return url


@pytest.mark.parametrize("kept", [0.4, 0.99])
async def test_a_log_that_is_cut_short_keeps_what_comes_before_the_cut(tmp_path: Path, kept: float) -> None:
    store = await open_store(await killed(tmp_path, kept))
    positions = [int(step.position) for step in await store.steps.list("run", tenant=None)]
    assert positions == list(range(len(positions)))
    assert 0 < len(positions) < 50
    await store.close()


async def test_a_log_that_is_emptied_is_missed(tmp_path: Path) -> None:
    with pytest.raises(StoreReplaced, match="commits are missing"):
        await open_store(await killed(tmp_path, 0.0))

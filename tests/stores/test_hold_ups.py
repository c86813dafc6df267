"""Processes that stand still where they hold others up: writers wait for a bounded time, the loop not at all."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from perdure.errors import StoreUnavailable
from perdure.stores import open_store
from perdure.stores.sqlite import group, write_queue
from perdure.stores.sqlite.driver import open_connection
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness

TIMEOUT = 0.2


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(write_queue, "TIMEOUT", TIMEOUT)
    monkeypatch.setattr(group, "_BUSY_MILLISECONDS", int(TIMEOUT * 1000))
    return str(tmp_path / "perdure.db")


@pytest.fixture
def frozen(path: str) -> Iterator[list[int]]:
    """Descriptors of another process that is there; it can take locks with them, and stand still."""
    handles = [os.open(f"{path}-{name}", os.O_RDWR | os.O_CREAT, 0o600) for name in ("present", "next", "lock")]
    fcntl.flock(handles[0], fcntl.LOCK_SH)
    yield handles
    for handle in handles:
        os.close(handle)


@pytest.fixture
async def harness(path: str, frozen: list[int]) -> AsyncIterator[StoreHarness]:
    """A store beside the frozen process, which is not alone therefore."""
    url, clock = f"sqlite:///{path}", ManualClock()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock)
    yield harness
    await harness.close()


@pytest.mark.parametrize("place", [1, 2], ids=["queueing", "inside"])
async def test_who_stands_still_in_the_queue_holds_nobody_up_for_ever(
    harness: StoreHarness, frozen: list[int], place: int
) -> None:
    fcntl.flock(frozen[place], fcntl.LOCK_EX)
    async with asyncio.timeout(10):
        for number in range(3):
            await harness.run(f"run{number}")
        fcntl.flock(frozen[place], fcntl.LOCK_UN)
        for number in range(3, 6):
            await harness.run(f"run{number}")
    assert len(await harness.store.runs.list(tenant=None)) == 6


async def test_who_stands_still_in_a_transaction_stops_writing_and_not_the_loop(
    harness: StoreHarness, path: str
) -> None:
    other = open_connection(path)
    other.execute("BEGIN IMMEDIATE")
    starts = [asyncio.create_task(harness.run(f"run{number}")) for number in range(5)]
    turns = 0
    async with asyncio.timeout(10):
        while not all(start.done() for start in starts):
            await asyncio.sleep(0.001)
            turns += 1
    for start in starts:
        with pytest.raises(StoreUnavailable, match="another program held its lock") as refused:
            start.result()
        assert not refused.value.unknown
    assert turns > 20  # the loop went on while the writer waited, once for all of them
    other.execute("ROLLBACK")
    other.close()
    await harness.run("later")

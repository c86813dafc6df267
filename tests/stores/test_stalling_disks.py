"""A disk that stalls now and then: after the first time it does so in the writer's thread, and readers go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.operations import AppendEntries, HolderOperation
from perdure.core.records import Lease
from perdure.stores import open_store
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness

WITHIN = 10.0
AFTER_A_STALL = 100
WAYS = ["a single run", "a group"]


class Time(ManualClock):
    """Elapsed time that passes where a test says so: in commits that stall."""

    seconds = 0.0

    def elapsed(self) -> float:
        return self.seconds


class Disk:
    """What the writer's COMMITs take, and which of them were made on the loop."""

    def __init__(self, harness: StoreHarness, time: Time) -> None:
        store: Any = harness.store
        self.time = time
        self.takes = 0.0
        self.on_the_loop = list[bool]()
        self.before: Any = lambda: None
        self._loop = threading.get_ident()
        self._tx = store._writer._group._tx
        self._run: Any = self._tx.run
        self._tx.run = self.run

    def run(self, sql: str, values: tuple[object, ...] = ()) -> Any:
        if sql == "COMMIT" or (sql.startswith("INSERT INTO") and not self._tx._cursor.connection.in_transaction):
            self.on_the_loop.append(threading.get_ident() == self._loop)
            self.before()
            self.time.seconds += self.takes
        return self._run(sql, values)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[StoreHarness]:
    url, clock = f"sqlite:///{tmp_path}/perdure.db", Time()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock)
    yield harness
    await harness.close()


@pytest.fixture
async def lease(harness: StoreHarness) -> Lease:
    return await harness.running()


@pytest.fixture
def disk(harness: StoreHarness, lease: Lease) -> Disk:
    assert isinstance(harness.clock, Time)
    return Disk(harness, harness.clock)


def delta(seq: int) -> AppendEntries:
    return AppendEntries((chunk_entry(Chunk(kind="text", text="a"), "0", seq, seq),))


def operations(harness: StoreHarness, way: str, number: int) -> tuple[HolderOperation, ...]:
    steps = harness.step(str(2 * number)), harness.step(str(2 * number + 1))
    return steps if way == "a group" else steps[:1]


@pytest.mark.parametrize("way", WAYS)
async def test_after_a_commit_that_stalled_the_next_hundred_are_the_threads(
    harness: StoreHarness, lease: Lease, disk: Disk, way: str
) -> None:
    for number in range(5):
        await harness.commit(lease, *operations(harness, way, number))
    assert disk.on_the_loop == [True] * 5
    disk.takes = 0.021
    await harness.commit(lease, *operations(harness, way, 5))
    disk.takes = 0.0
    disk.on_the_loop.clear()
    for number in range(6, 6 + 2 * AFTER_A_STALL):
        await harness.commit(lease, *operations(harness, way, number))
    assert sum(disk.on_the_loop) == pytest.approx(AFTER_A_STALL, abs=5)
    assert disk.on_the_loop == sorted(disk.on_the_loop)  # first those of the thread


@pytest.mark.parametrize("way", WAYS)
async def test_one_commit_that_is_only_slow_says_little(
    harness: StoreHarness, lease: Lease, disk: Disk, way: str
) -> None:
    for number in range(20):
        disk.takes = 0.019 if number == 10 else 0.0
        await harness.commit(lease, *operations(harness, way, number))
    assert disk.on_the_loop == [True] * 20


async def test_who_reads_a_stream_does_not_wait_for_the_disk(harness: StoreHarness, lease: Lease, disk: Disk) -> None:
    store: Any = harness.store
    store._writer._group.pace = 1.0  # the disk is slow: commits go to the thread
    await harness.commit(lease, delta(1))
    begun, ends = threading.Event(), threading.Event()

    def stall() -> None:
        begun.set()
        ends.wait(WITHIN)

    disk.before = stall
    committing = asyncio.ensure_future(harness.commit(lease, delta(2)))
    try:
        assert await asyncio.to_thread(begun.wait, WITHIN)
        assert (await harness.store.streams.read("run", tenant=None)).head == 1
        assert await harness.status() == "running"
        assert not committing.done()
    finally:
        ends.set()
    await committing
    assert (await harness.store.streams.read("run", tenant=None)).head == 2

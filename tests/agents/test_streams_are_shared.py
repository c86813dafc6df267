"""Many readers of one stream in one process cost one read of each delta."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import perdure
from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.clock import SystemClock, Timer
from perdure.core.operations import AppendEntries
from perdure.core.records import StepRecord
from perdure.core.values import Value
from perdure.runs.options import StepOptions
from perdure.runs.run_context import AttemptContext
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.streams import follow
from perdure.streams.sharing import LEAST_REST, SharedStream
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.wrapped import WrappedStore
from perdure.turns import Produced, StreamingStep
from tests.stores.dying_workers import let_die

DELTAS = 30


class Counted(WrappedStore):
    """A store that counts the reads of its streams."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.reads = 0

    async def around_read(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        self.reads += name.startswith("streams.")
        return await read()


class Stepwise:
    """A producer whose next delta comes when every reader has the one before."""

    number = 0

    def __init__(self) -> None:
        self.seen = asyncio.Semaphore(0)
        self.readers = 0

    async def stream(self) -> AsyncGenerator[Chunk, None]:
        for count in range(DELTAS):
            yield Chunk(kind="data", data=count)
            for _ in range(self.readers):
                await self.seen.acquire()

    def value(self) -> Value:
        return None

    def extra_operations(self, record: StepRecord, said: tuple[Chunk, ...]) -> Produced:
        return Produced()


async def reads_of(url: str, readers: int, *, late: int = 0) -> int:
    """How many reads it takes until so many readers have a whole stream; `late` ones come when it has ended."""
    store, producer = Counted(await open_store(url)), Stepwise()
    producer.readers = readers

    class Here(perdure.App):
        async def open_store(self) -> Store:
            return store

    app = Here(url, grace=0.0)

    @app.workflow
    async def flow(ctx: perdure.Context) -> None:
        call: Any = StreamingStep(AttemptContext(ctx), "s", producer, StepOptions(read_only=True)).call
        await call

    async def reader(run_id: str) -> list[Any]:
        found = list[Any]()
        async for chunk in follow(store, run_id, tenant=None):
            if chunk.kind == "data":
                found.append(chunk.data)
                producer.seen.release()
        return found

    async with app, asyncio.timeout(20):
        run = await app.start(flow)
        found = await asyncio.gather(*(reader(run.id) for _ in range(readers)))
        found += await asyncio.gather(*(reader(run.id) for _ in range(late)))
        assert found == [list(range(DELTAS))] * (readers + late)
    assert store.reads > readers  # they are counted
    return store.reads


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_hundred_readers_share_the_read_of_each_delta(tmp_path: Path, kind: str) -> None:
    url = "memory:" if kind == "memory" else f"sqlite:///{tmp_path}/perdure.db"
    assert await reads_of(url, 100) <= 2 * 100 + 4 * DELTAS


async def test_a_reader_of_a_stream_that_has_ended_reads_it_once(tmp_path: Path) -> None:
    alone = await reads_of(f"sqlite:///{tmp_path}/alone.db", 1)
    assert await reads_of(f"sqlite:///{tmp_path}/late.db", 1, late=20) <= alone + 2 * 20 + DELTAS


class SlowHandOvers(SystemClock):
    """Each look at it takes so many seconds, and so does each hand-over; what it is to wait for comes at once."""

    def __init__(self, takes: float) -> None:
        self._takes = takes
        self._elapsed = 0.0
        self.waits = list[float]()

    def elapsed(self) -> float:
        self._elapsed += self._takes
        return self._elapsed

    def call_after(self, seconds: float, callback: Callable[[], object]) -> Timer:
        self.waits.append(seconds)
        return super().call_after(0, callback)


@pytest.mark.parametrize(
    ("takes", "rest"), [(0.000_1, None), (0.000_3, LEAST_REST), (0.002, 0.018)], ids=["few", "many", "very many"]
)
async def test_the_more_followers_the_longer_until_the_next_hand_over(takes: float, rest: float | None) -> None:
    store, clock = await open_store("memory:"), SlowHandOvers(takes)
    harness = StoreHarness(store, "memory:", "", open_store, ManualClock(), let_die)
    lease = await harness.running()
    shared = SharedStream(store, "run", None, 0, 0, clock)
    for seq in range(1, 4):
        await harness.commit(lease, AppendEntries((chunk_entry(Chunk(kind="data", data=seq), "0", seq, seq),)))
        news = await shared.news(seq - 1)
        assert [entry.seq for entry in news.entries] == [seq]
    shared.close()
    assert clock.waits == pytest.approx([] if rest is None else [rest] * 2)
    await harness.close()

"""What is stored is read in turns with everything else on the loop, however much of it there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.agents import Thread
from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.clock import SystemClock
from perdure.core.compaction import compact
from perdure.core.cursors import BEGINNING
from perdure.core.operations import AppendEntries, FinishRun, ReplaceLane
from perdure.runs.access import Access
from perdure.runs.workflow import Workflows
from perdure.stores import open_store
from perdure.streams import follow, read
from perdure.streams.following import MAX_CHUNKS
from perdure.streams.sharing import SharedStream
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness
from tests.stores.dying_workers import let_die

MANY = 4_000
LANE = "0"


@pytest.fixture(params=["memory", "sqlite"])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreHarness]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/perdure.db"
    clock = ManualClock()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock, let_die)
    yield harness
    await harness.close()


async def write(harness: StoreHarness, *, is_compacted: bool) -> None:
    """A run whose stream has many chunks, and has ended: in an entry each, or all in one."""
    lease = await harness.running()
    chunks = [Chunk(kind="data", data=seq, seq=seq) for seq in range(1, MANY + 1)]
    for first in range(0, MANY, 500):
        some = chunks[first : first + 500]
        await harness.commit(lease, AppendEntries(tuple(chunk_entry(one, LANE, one.seq, one.seq) for one in some)))
    if is_compacted:
        await harness.commit(lease, ReplaceLane(compact(LANE, MANY + 1, chunks), 1))
    await harness.commit(lease, FinishRun(status="completed", result=b"null", at=harness.at))


async def longest_without_a_turn(chunks: AsyncIterator[object]) -> int:
    """How many of many things come, at most, while nothing else on the loop has a turn."""
    turns, others = 0, asyncio.Event()

    async def count() -> None:
        nonlocal turns
        while not others.is_set():
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    came = dict[int, int]()
    async for _ in chunks:
        came[turns] = came.get(turns, 0) + 1
    others.set()
    await counting
    assert sum(came.values()) >= MANY
    return max(came.values())


@pytest.mark.parametrize("is_compacted", [False, True])
async def test_everything_else_has_its_turns_while_a_stored_stream_is_read(
    harness: StoreHarness, is_compacted: bool
) -> None:
    await write(harness, is_compacted=is_compacted)
    assert await longest_without_a_turn(follow(harness.store, "run", tenant=None)) <= MAX_CHUNKS


@pytest.mark.parametrize("is_compacted", [False, True])
async def test_everything_else_has_its_turns_while_a_stream_is_read_for_all_of_its_followers(
    harness: StoreHarness, is_compacted: bool
) -> None:
    await write(harness, is_compacted=is_compacted)
    shared = SharedStream(harness.store, "run", None, 0, 0, SystemClock())
    turns = 0
    while not shared.ended:
        await asyncio.sleep(0)
        turns += 1
    shared.close()
    assert turns >= (MANY // MAX_CHUNKS if is_compacted else MANY // 500)


async def test_everything_else_has_its_turns_while_stored_entries_are_read_page_by_page(harness: StoreHarness) -> None:
    await write(harness, is_compacted=False)

    async def pages() -> AsyncIterator[Chunk]:
        cursor, ended = BEGINNING, False
        while not ended:
            page = await read(harness.store, "run", tenant=None, after=cursor)
            cursor, ended = page.cursor, page.ended
            for chunk in page.chunks:
                yield chunk

    assert await longest_without_a_turn(pages()) <= 500


async def test_everything_else_has_its_turns_while_the_events_of_a_thread_are_read(harness: StoreHarness) -> None:
    await harness.store.execute(harness.create_thread())
    await asyncio.gather(*(harness.store.execute(harness.thread_event()) for _ in range(MANY)))
    thread = Thread(Access(store=harness.store, clock=harness.clock), Workflows().get, "thread")
    assert await longest_without_a_turn(thread.events()) <= 500

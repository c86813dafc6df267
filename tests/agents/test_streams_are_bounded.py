"""What a stream's writer holds is bounded, however fast its producers are."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.core.chunks import Chunk
from perdure.streams.writing import MAX_PENDING, LogWriter

MANY = 2_000


class Slow:
    """A commit that takes a turn of the loop, and counts its operations."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def __call__(self, *operations: Any) -> Any:
        await asyncio.sleep(0)
        self.sizes.append(len(operations))
        return ()


@pytest.mark.parametrize("lanes", [1, 2, 5])
async def test_producers_that_never_yield_wait_for_their_commits(lanes: int) -> None:
    commit = Slow()
    log = LogWriter(commit, 0)

    async def produce(name: str) -> None:
        lane = log.lane(name)
        for count in range(MANY // lanes):
            await lane.put(Chunk(kind="data", data=count))

    await asyncio.gather(*(produce(str(number)) for number in range(lanes)))
    await log.flushed()
    assert log.head == MANY
    assert len(commit.sizes) >= MANY // (MAX_PENDING + lanes)
    assert max(commit.sizes) <= MAX_PENDING + lanes


async def test_the_loop_has_its_turns_while_a_producer_never_yields() -> None:
    log, turns = LogWriter(Slow(), 0), 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.ensure_future(count_turns())
    lane = log.lane("a")
    for count in range(MANY):
        await lane.put(Chunk(kind="data", data=count))
    counting.cancel()
    assert turns >= MANY // MAX_PENDING - 1

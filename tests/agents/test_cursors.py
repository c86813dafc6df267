"""Whoever continues after a cursor gets the rest, and nothing again: within an entry that was compacted meanwhile too.

A reader here has connections of one chunk each, so that every chunk's cursor is one that somebody continues after.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import perdure
from perdure import Agent, App
from perdure.core.chunks import Chunk
from perdure.core.cursors import BEGINNING, Cursor
from perdure.core.fold import Fold
from perdure.core.records import StepRecord
from perdure.core.values import Value
from perdure.errors import ModelUnavailable
from perdure.runs.options import StepOptions
from perdure.runs.run_context import AttemptContext
from perdure.streams import follow
from perdure.testing.scripted import ScriptedModel, call, calls, fail, say, think
from perdure.turns import Produced, StreamingStep

Connect: TypeAlias = Callable[[str | None], AsyncGenerator[Chunk, None]]

WHOLE = "The whole answer, word by word."


async def one_a_connection(connect: Connect, after: str | None = None) -> AsyncIterator[Chunk]:
    """The chunks of a stream after a cursor, over a connection for each; connects again for the end too."""
    while True:
        async with aclosing(connect(after)) as stream:
            async for chunk in stream:
                yield chunk
                after = chunk.cursor
                break
            else:
                return


def check(chunks: list[Chunk], expected: Fold) -> None:
    """Whoever got these chunks has what is expected, each once, with no gap."""
    fold = Fold().add_all(chunks)
    assert [(one.lane, one.seq, one.text, one.data) for one in fold.chunks] == [
        (one.lane, one.seq, one.text, one.data) for one in expected.chunks
    ]
    assert fold.gaps == 0
    seqs = [chunk.seq for chunk in chunks]
    assert len(set(seqs)) == len(seqs)


def agent(gate: Callable[[int, int], Awaitable[object]] | None = None) -> Agent:
    def look(place: str) -> str:
        return f"seen {place}"

    script = [
        [think("Hm, let me see."), *calls(call("look", place="a"), call("look", place="b"))],
        [say("Half an ans"), fail(ModelUnavailable("reset", retry_after=0.0))],
        say(WHOLE),
    ]
    return Agent("assistant", model=ScriptedModel(script, gate=gate), tools=[look])


async def test_a_reader_of_another_process_goes_on_after_every_chunk_of_a_turn(tmp_path: Path) -> None:
    """It goes on when the turn has ended, and all of its steps were compacted."""
    app = App(f"sqlite:///{tmp_path}/perdure.db", agents=[agent()], grace=0.0)
    async with app, app.client() as elsewhere, asyncio.timeout(20):
        turn = await (await app.threads.create("assistant")).send("Look")
        live = [chunk async for chunk in turn.stream()]
        there = await elsewhere.thread(turn.thread_id).turn()
        assert there is not None
        whole = [chunk async for chunk in there.stream()]
        expected = Fold().add_all(whole)
        assert expected.text == WHOLE
        for had in (live, whole):
            for held in range(len(had) + 1):
                after = had[held - 1].cursor if held else None
                rest = [chunk async for chunk in there.stream(after=after)]
                check([*had[:held], *rest], expected)


async def test_readers_of_one_chunk_a_connection_get_each_once(tmp_path: Path) -> None:
    """While the turn runs, in its process and in another one, and when it has ended."""

    async def gate(step: int, delta: int) -> None:
        await asyncio.sleep(0.002 * (delta % 3))

    app = App(f"sqlite:///{tmp_path}/perdure.db", agents=[agent(gate)], grace=0.0)
    async with app, app.client() as elsewhere, asyncio.timeout(20):
        turn = await (await app.threads.create("assistant")).send("Look")
        there = await elsewhere.thread(turn.thread_id).turn()
        assert there is not None

        async def read(turn: perdure.Turn) -> list[Chunk]:
            return [chunk async for chunk in one_a_connection(lambda after: turn.stream(after=after))]

        both = await asyncio.gather(read(turn), read(there))
        expected = Fold().add_all([chunk async for chunk in turn.stream()])
        assert expected.text == WHOLE
        for chunks in (*both, await read(there)):
            check(chunks, expected)


class Lane:
    """A producer of numbered chunks; the lanes of a run take turns."""

    def __init__(self, number: int, barrier: asyncio.Barrier, chunks: int) -> None:
        self.number = number
        self.barrier = barrier
        self.chunks = chunks

    async def stream(self) -> AsyncGenerator[Chunk, None]:
        for count in range(self.chunks):
            yield Chunk(kind="data", data=[self.number, count])
            await asyncio.wait_for(self.barrier.wait(), 5)

    def value(self) -> Value:
        return None

    def extra_operations(self, record: StepRecord, said: tuple[Chunk, ...]) -> Produced:
        return Produced()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_lanes_that_were_written_side_by_side_are_continued_within_each(tmp_path: Path, kind: str) -> None:
    """Streams of a run's own steps: a compacted lane lies behind newer chunks of another one."""
    app = App("memory:" if kind == "memory" else f"sqlite:///{tmp_path}/perdure.db", grace=0.0)

    @app.workflow
    async def flow(ctx: perdure.Context) -> None:
        barrier = asyncio.Barrier(3)
        lanes = [Lane(number, barrier, 4) for number in range(3)]
        steps: list[Any] = [
            StreamingStep(AttemptContext(ctx), f"s{lane.number}", lane, StepOptions(read_only=True)).call
            for lane in lanes
        ]
        await ctx.gather(*steps)

    async with app, asyncio.timeout(20):
        run = await app.start(flow)

        def connect(after: str | None) -> AsyncGenerator[Chunk, None]:
            cursor = BEGINNING if after is None else cursors[after]
            return follow(app.store, run.id, tenant=None, after=cursor)

        cursors = dict[str, Cursor]()

        async def read(after: str | None = None) -> list[Chunk]:
            found = list[Chunk]()
            async for chunk in one_a_connection(connect, after):
                found.append(chunk)
                cursors[chunk.cursor] = Cursor(chunk.at, chunk.lacks)
            return found

        live = await read()
        await run.result()
        stored = await read()
        whole = [chunk async for chunk in connect(None)]
        expected = Fold().add_all(whole)
        assert len([one for one in expected.chunks if one.kind == "data"]) == 12
        for had in (live, stored, whole):
            check(had, expected)
            for held in range(1, len(had)):
                cursors[had[held - 1].cursor] = Cursor(had[held - 1].at, had[held - 1].lacks)
                check([*had[:held], *await read(had[held - 1].cursor)], expected)

"""The fold property: whatever a reader has seen, going on gives it what a reader of the whole stream gets.

Random logs of steps, each with attempts that are superseded and one that survives, compacted or not; readers that
read a page now and then, wherever they are. At the end each holds what one holds who begins there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perdure.core.chunks import Chunk, Entry, Fold, chunk_entry, reset_entry
from perdure.core.compaction import compact, expand, message_of
from perdure.core.messages import Part, ReasoningPart, TextPart
from perdure.core.records import Lease
from perdure.stores.port import AppendEntries, CompactEntries, Operation
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness

READERS = 3


class Step(NamedTuple):
    """A step of a log: the deltas of its attempts, of which the last survives; how many of those come at the end."""

    attempts: list[list[tuple[str, str]]]
    unflushed: int
    compacted: bool


class Glance(NamedTuple):
    """A reader reads a page."""

    reader: int
    limit: int


KINDS = ("text", "reasoning", "data", "step_end", "hologram")
DELTAS = st.tuples(st.sampled_from(KINDS), st.text("ab é", max_size=3))
STEPS = st.builds(
    Step,
    st.lists(st.lists(DELTAS, min_size=1, max_size=4), min_size=1, max_size=3),
    st.integers(0, 3),
    st.booleans(),
)
GLANCES = st.builds(Glance, st.integers(0, READERS - 1), st.integers(1, 5))
LOGS = st.lists(st.one_of(STEPS, GLANCES), max_size=12)


class Log:
    """A run's stream while it is written and read."""

    def __init__(self, harness: StoreHarness, lease: Lease, glances: list[Glance]) -> None:
        self.harness, self.lease = harness, lease
        self.glances = glances
        self.head = 0
        self.parts: dict[str, list[Part]] = {}
        self.readers = [Fold() for _ in range(READERS)]
        self.said = ""

    async def write(self, number: int, step: Step) -> None:
        """Commit a step's chunks, attempt by attempt, with readers in between."""
        first = self.head + 1
        for attempt in step.attempts[:-1]:
            await self.flush([Chunk(kind=kind, text=text) for kind, text in attempt])
            self.lease = await self.harness.lease(self.lease.run_id)  # whoever goes on, does so under a new token
            await self.commit(AppendEntries(self.lease.run_id, (reset_entry(first),)))
            self.head += 1
        name = f"message-{number}"
        chunks, parts = build(step.attempts[-1], self.head + 1)
        late = step.unflushed if step.compacted else 0
        await self.flush(chunks[: len(chunks) - late])
        self.parts[name] = list(parts.values())
        if step.compacted:
            entry = compact(first, chunks, name, parts)
            await self.commit(CompactEntries(self.lease.run_id, entry))
            self.head = entry.seq
        self.said += "".join(text for kind, text in step.attempts[-1] if kind == "text")

    async def flush(self, chunks: list[Chunk]) -> None:
        """Append chunks, two at a time."""
        while chunks:
            pair, chunks = chunks[:2], chunks[2:]
            entries = tuple(chunk_entry(_bare(chunk)) for chunk in pair)
            await self.commit(AppendEntries(self.lease.run_id, entries))
            self.head += len(entries)

    async def commit(self, operation: Operation) -> None:
        """Commit, and let a reader look."""
        await self.harness.do(operation, lease=self.lease)
        if self.glances:
            glance = self.glances.pop()
            await self.read(self.readers[glance.reader], glance.limit)

    async def read(self, reader: Fold, limit: int) -> bool:
        """Read a page after the reader's cursor; whether there was one."""
        page = await self.harness.store.streams.read(self.lease.run_id, after=reader.last, limit=limit)
        for entry in page.entries:
            reader.add_all(expand(entry, self._parts_of(entry)))
        return bool(page.entries)

    async def read_all(self, reader: Fold) -> list[Chunk]:
        """Read to the end. Shape: what the reader then holds."""
        while await self.read(reader, 3):
            pass
        assert (reader.gaps, reader.last) == (0, self.head)
        return [_bare(chunk, seq=chunk.seq) for chunk in reader.chunks]

    def _parts_of(self, entry: Entry) -> list[Part]:
        return self.parts.get(message_of(entry) or "", [])


def build(deltas: list[tuple[str, str]], first: int) -> tuple[list[Chunk], Mapping[int, Part]]:
    """An attempt's chunks with their seqs, and the message's parts that they come to."""
    chunks: list[Chunk] = []
    texts: dict[int, str] = {}
    places = {"text": 0, "reasoning": 1}
    for seq, (kind, text) in enumerate(deltas, first):
        place = places.get(kind)
        if place is not None:
            texts[place] = texts.get(place, "") + text
        chunks.append(Chunk(kind=kind, text=text, part=place, seq=seq, from_seq=seq))
    return chunks, {0: TextPart(text=texts.get(0, "")), 1: ReasoningPart(text=texts.get(1, ""))}


def _bare(chunk: Chunk, seq: int = 0) -> Chunk:
    # the data of an unknown kind is its stored form, whatever that was
    return msgspec.structs.replace(chunk, seq=seq, from_seq=0, turn=0, data=None)


class FoldingPromises(Promises):
    """What a reader ends with."""

    logs = 80
    """How many random logs are tried."""

    async def test_every_reader_ends_with_what_a_reader_of_the_whole_stream_gets(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        numbers = count()
        loop = asyncio.get_running_loop()

        async def check(plan: list[Step | Glance]) -> None:
            lease = await harness.running(f"run-{next(numbers)}")
            log = Log(harness, lease, [one for one in plan if isinstance(one, Glance)])
            for number, step in enumerate(one for one in plan if isinstance(one, Step)):
                await log.write(number, step)
            whole = Fold()
            expected = await log.read_all(whole)
            assert whole.text == log.said
            for reader in log.readers:
                assert await log.read_all(reader) == expected

        # Hypothesis is not async: it runs in a thread of its own, and each example on this loop, where the store is.
        @settings(
            max_examples=self.logs,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            report_multiple_bugs=False,
        )
        @given(LOGS)
        def examples(plan: list[Step | Glance]) -> None:
            asyncio.run_coroutine_threadsafe(check(plan), loop).result()

        await asyncio.to_thread(examples)

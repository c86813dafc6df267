"""A streaming step: what it says is durable before it is shown, and sealed in the commit that ends the step.

An attempt begins with one commit: the step's intent, a reset of what an earlier attempt had said, and a `start`
chunk. Then its chunks are appended as they come. The commit that ends the step holds the step's outcome, whatever
the producer lands with it (message parts, usage), and one entry in the place of all of the step's chunks.

What a superseded attempt had said is kept until the next one says something; so when the run is stopped, or when the
attempts are used up, the best partial that there is becomes the answer's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Protocol

import msgspec

from perdure.core.chunks import DELTA_KINDS, Chunk, Entry, chunk_entry, reset_entry
from perdure.core.compaction import compact
from perdure.core.messages import Part
from perdure.core.records import StepRecord
from perdure.core.values import Value
from perdure.runs.attempt import Attempt
from perdure.runs.context import Context
from perdure.runs.options import StepOptions
from perdure.runs.steps import StepCall
from perdure.stores.port import CompactEntries, Operation, PutStep
from perdure.streams import StreamWriter
from perdure.turns.earlier import find_earlier
from perdure.turns.mending import Mending


class Produced(msgspec.Struct, frozen=True):
    """What lands with the end of a streaming step.

    Shape: `operations` go with it; `parts` are the parts of the message `message_id` that the deltas built, by
    their places, so that the stream need not keep their text; `last` are chunks that are shown with the end.
    """

    operations: tuple[Operation, ...] = ()
    message_id: str | None = None
    parts: Mapping[int, Part] = {}
    last: tuple[Chunk, ...] = ()


class Producer(Protocol):
    """What a streaming step drives."""

    def stream(self) -> AsyncGenerator[Chunk, None]:
        """One attempt, from the beginning; closing the generator ends it."""
        ...

    def value(self) -> Value:
        """The step's value, asked for when the stream has ended by itself."""
        ...

    def land(self, record: StepRecord, said: tuple[Chunk, ...]) -> Produced:
        """What lands with the step's end; `said` are the deltas of the attempt with the best partial."""
        ...


class StreamingStep:
    """One streaming step of a run, over all of its attempts in this process; await `call`."""

    def __init__(self, context: Context, name: str, producer: Producer, options: StepOptions) -> None:
        self._attempt = context.attempt
        self._producer = producer
        self._salvage: tuple[Chunk, ...] = ()
        self._from_seq: int | None = None
        self._writer = StreamWriter(context.run_id, self._attempt.commit)
        self.call: StepCall[Value] = context.step_with(name, self._run_once, (), options, self._land)

    async def _run_once(self) -> Value:
        await self._begin()
        mending = Mending()
        try:
            async with aclosing(self._producer.stream()) as stream:
                async for chunk in stream:
                    for whole in mending.take(chunk):
                        self._writer.put(whole)
        finally:
            for left in mending.end():
                self._writer.put(left)
            await self._writer.flushed()
        return self._producer.value()

    async def _begin(self) -> None:
        """Make the attempt durable, and take back what an earlier one had said."""
        step = self.call
        if self._from_seq is None and step.attempt > 1:
            earlier = await self._attempt.read(lambda store: find_earlier(store, step.run_id, step.position))
            self._from_seq, self._salvage = earlier.from_seq, earlier.said
        self._salvage = self._said() or self._salvage
        start = Chunk(kind="start", attempt=step.attempt, data=step.position)
        entries: list[tuple[Entry, Chunk | None]] = [(chunk_entry(start), start)]
        if self._from_seq is not None:
            entries.insert(0, (reset_entry(self._from_seq), None))
        step.recorded = True
        self._writer.written.clear()
        await self._writer.begin(PutStep(step.run_id, step.record("running")), entries=tuple(entries))
        if self._from_seq is None:
            self._from_seq = self._writer.head

    def _land(self, record: StepRecord) -> tuple[Operation, ...]:
        if not is_final(record, self._attempt):
            return ()
        said = self._said()
        shown = [chunk for _, chunk in self._writer.written]
        if not said and record.status != "completed":
            said = self._salvage
            shown += said  # it is the answer's partial now: shown again, after the reset that took it back
        produced = self._producer.land(record, said)
        if self._from_seq is None:
            return produced.operations
        first = self._writer.written[0][0]
        chunks = [
            msgspec.structs.replace(chunk, seq=seq, from_seq=seq)
            for seq, chunk in enumerate([*shown, *produced.last], first)
        ]
        entry = compact(self._from_seq, chunks, produced.message_id, produced.parts)
        return (*produced.operations, CompactEntries(self.call.run_id, entry))

    def _said(self) -> tuple[Chunk, ...]:
        return tuple(chunk for _, chunk in self._writer.written if chunk.kind in DELTA_KINDS)


def is_final(record: StepRecord, attempt: Attempt) -> bool:
    """Whether a record is the step's last word: a step in doubt may be decided or run again, unless its run ends."""
    stopped = attempt.halt is not None and attempt.halt.kind == "cancel"
    return record.status in {"completed", "failed"} or (record.status == "in_doubt" and stopped)

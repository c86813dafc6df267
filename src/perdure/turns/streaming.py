"""A streaming step: what it says is durable before it is shown, and its lane is sealed in the commit that ends it.

An attempt begins with a `start` chunk, with which the step's row says where its lane began; then its chunks are
appended as they come. The commit that ends the step holds the step's outcome, whatever the producer adds to it
(message parts, usage), and one entry in the place of all of the lane's.

What a superseded attempt had said is kept until the next one says something; so when the run is stopped, or when the
attempts are used up, the best partial that there is becomes the answer's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Protocol

import msgspec

from perdure.core.chunks import DELTA_KINDS, Chunk
from perdure.core.compaction import compact
from perdure.core.messages import Part
from perdure.core.operations import HolderOperation, PutStep, ReplaceLane
from perdure.core.records import StepRecord
from perdure.core.values import Value
from perdure.runs.options import StepOptions
from perdure.runs.protocols import RunContext, RunningStep
from perdure.streams import LaneWriter
from perdure.turns.earlier import find_earlier
from perdure.turns.mending import Mending


class Produced(msgspec.Struct, frozen=True):
    """What is committed with the end of a streaming step.

    Shape: `operations` go with it; `parts` are the parts of the message `message_id` that the deltas built, by
    their places, so that the stream need not keep their text; `last` are chunks that are shown with the end.
    """

    operations: tuple[HolderOperation, ...] = ()
    message_id: str | None = None
    parts: Mapping[int, Part] = {}
    last: tuple[Chunk, ...] = ()


class Producer(Protocol):
    """What a streaming step drives."""

    @property
    def number(self) -> int:
        """Which model step of the turn it is, from 0: what is salvaged is marked with it."""
        ...

    def stream(self) -> AsyncGenerator[Chunk, None]:
        """One attempt, from the beginning; closing the generator ends it."""
        ...

    def value(self) -> Value:
        """The step's value, asked for when the stream has ended by itself."""
        ...

    def extra_operations(self, record: StepRecord, said: tuple[Chunk, ...]) -> Produced:
        """What is committed with the step's end; `said` are the deltas of the attempt with the best partial."""
        ...


class StreamingStep:
    """One streaming step of a run, over all of its attempts in this process; await `call`."""

    def __init__(self, context: RunContext, name: str, producer: Producer, options: StepOptions) -> None:
        self._context = context
        self._producer = producer
        self._salvage: tuple[Chunk, ...] = ()
        self._lane: LaneWriter | None = None
        self.call: RunningStep = context.step_with(name, self._run_once, (), options, self._at_end)

    async def _run_once(self) -> Value:
        lane = await self._begin()
        mending = Mending()
        try:
            async with aclosing(self._producer.stream()) as stream:
                async for chunk in stream:
                    for whole in mending.take(chunk):
                        await lane.put(whole)
        except Exception:
            for left in mending.end():
                await lane.put(left)
            await self._context.log.flushed()
            raise
        for left in mending.end():
            await lane.put(left)
        return self._producer.value()

    async def _begin(self) -> LaneWriter:
        """Begin the attempt's lane, and take back what an earlier attempt had said."""
        step, lane = self.call, self._lane
        if lane is None:
            lane = self._lane = await self._find_lane()
        else:
            await self._context.log.flushed()
            self._salvage = self._said(lane) or self._salvage
        if lane.opened:
            await lane.reset()
        step.recorded = True
        start = Chunk(kind="start", attempt=step.attempt, step=self._producer.number)
        await lane.put(start, lambda opened: (PutStep(step.record("running", opened=opened)),))
        return lane

    async def _find_lane(self) -> LaneWriter:
        """The step's lane; where an attempt in another process wrote to it, what that had said."""
        step = self.call
        if step.opened is None:
            return self._context.log.lane(step.position)
        earlier = await find_earlier(self._context, step.position, step.opened)
        self._salvage = tuple(earlier.best)
        last = earlier.chunks[-1].seq if earlier.chunks else step.opened
        return self._context.log.lane(step.position, opened=step.opened, last=last)

    def _at_end(self, record: StepRecord, seq: int) -> tuple[HolderOperation, ...]:
        if not self._context.is_final(record):
            return ()
        lane = self._lane
        if lane is None:  # it never began here: a replay that fails at once
            return self._producer.extra_operations(record, ()).operations
        pending = lane.take_pending()
        said = self._said(lane) + tuple(chunk for chunk in pending if chunk.kind in DELTA_KINDS)
        again: tuple[Chunk, ...] = ()
        if not said and record.status != "completed":
            said = again = self._salvage  # it is the answer's partial now: shown again, after its reset
        produced = self._producer.extra_operations(record, said)
        added = [
            msgspec.structs.replace(chunk, seq=at) for at, chunk in enumerate((*pending, *again, *produced.last), seq)
        ]
        shown = [*lane.written, *added]
        last = seq + max(0, len(added) - 1)
        entry = compact(lane.name, last, shown, produced.message_id, produced.parts)
        return (*produced.operations, ReplaceLane(entry, lane.opened or last))

    @staticmethod
    def _said(lane: LaneWriter) -> tuple[Chunk, ...]:
        return tuple(chunk for chunk in lane.written if chunk.kind in DELTA_KINDS)

"""A model that never waits: how many of its deltas wait for a commit, and how long the loop is blocked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from benchmarks.costs.limits import Sizes
from benchmarks.costs.readers import longest_block
from perdure import Agent, App
from perdure.core.messages import TextPart, Usage
from perdure.core.operations import AppendEntries, Operation
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.models.protocol import ModelDelta, ModelEvent, ModelReply, ModelRequest
from perdure.stores.port import Store
from perdure.testing.wrapped import WrappedStore


class Eager:
    """A model that says all of its words without giving the loop a turn."""

    name = "bench:eager"

    def __init__(self, words: int) -> None:
        self._words = words

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        for _ in range(self._words):
            yield ModelDelta(index=0, kind="text", text="word ")
        parts = (TextPart(text="word " * self._words, step=request.step),)
        yield ModelReply(parts=parts, finish_reason="stop", usage=Usage(requests=1), model=self.name)


class Largest(WrappedStore):
    """Notes how many entries the largest commit has appended."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.entries = 0

    def around_commit(
        self, operations: tuple[Operation, ...], lease: Lease | None, commit: Callable[[], Awaitable[Value]]
    ) -> Awaitable[Value]:
        for operation in operations:
            if isinstance(operation, AppendEntries):
                self.entries = max(self.entries, len(operation.entries))
        return commit()


class LargestApp(App):
    """An App on such a store."""

    largest: Largest

    async def open_store(self) -> Store:
        self.largest = Largest(await super().open_store())
        return self.largest


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: deltas of the largest commit; the longest block in milliseconds, above what the loop was asked for."""
    agent = Agent("eager", model=Eager(sizes.eager_deltas))
    async with LargestApp(f"sqlite:///{folder}/eager.db", agents=[agent]) as app:
        thread = await app.threads.create(agent)
        longest = asyncio.create_task(longest_block(done := asyncio.Event()))
        await (await thread.send("Speak")).result()
        done.set()
        return {"eager_deltas_of_commit": app.largest.entries, "eager_block_ms": round(await longest * 1e3, 1)}

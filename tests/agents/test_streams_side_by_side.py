"""Streaming steps that run side by side in one run: each has a lane of its own in the run's stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import perdure
from perdure.core.chunks import Chunk
from perdure.core.records import StepRecord
from perdure.core.values import Value
from perdure.runs.options import StepOptions
from perdure.runs.run_context import AttemptContext
from perdure.turns import Produced, StreamingStep

CHUNKS = 5


class Counting:
    """A producer of numbered chunks; it waits for the others before each, so that they come in turns."""

    def __init__(self, number: int, barrier: asyncio.Barrier, *, fails_at: int | None = None) -> None:
        self.number = number
        self.barrier = barrier
        self.fails_at = fails_at

    async def stream(self) -> AsyncGenerator[Chunk, None]:
        for count in range(CHUNKS):
            await self.barrier.wait()
            if count == self.fails_at:
                self.fails_at = None
                raise ConnectionError
            yield Chunk(kind="data", data=[self.number, count])

    def value(self) -> Value:
        return self.number

    def extra_operations(self, record: StepRecord, said: tuple[Chunk, ...]) -> Produced:
        return Produced()


def streaming(ctx: perdure.Context, name: str, producer: Counting) -> Any:
    """A streaming step's call, which a gather takes as it takes a step's."""
    return StreamingStep(AttemptContext(ctx), name, producer, StepOptions(read_only=True)).call


@pytest.mark.parametrize("steps", [2, 3, 8])
async def test_each_step_of_a_gather_streams_and_commits_its_value(tmp_path: Path, steps: int) -> None:
    app = perdure.App(f"sqlite:///{tmp_path}/perdure.db", grace=0.0)
    barrier = asyncio.Barrier(steps)

    @app.workflow
    async def flow(ctx: perdure.Context) -> list[int]:
        running = [streaming(ctx, f"s{n}", Counting(n, barrier)) for n in range(steps)]
        return await ctx.gather(*running)

    async with app, asyncio.timeout(10):
        run = await app.start(flow)
        assert await run.result() == list(range(steps))
        assert {step.status for step in await run.steps()} == {"completed"}


async def test_a_step_that_fails_in_its_stream_fails_alone(tmp_path: Path) -> None:
    app = perdure.App(f"sqlite:///{tmp_path}/perdure.db", grace=0.0)
    alone = asyncio.Barrier(1)

    @app.workflow
    async def flow(ctx: perdure.Context) -> str:
        fails = streaming(ctx, "fails", Counting(0, alone, fails_at=2))
        other = streaming(ctx, "other", Counting(1, alone))
        try:
            await ctx.gather(fails, other)
        except perdure.StepFailed as failed:
            return failed.step or ""
        return "none"

    async with app, asyncio.timeout(10):
        run = await app.start(flow)
        await run.result()
        assert [(step.name, step.status) for step in await run.steps() if step.name in {"fails", "other"}] == [
            ("fails", "failed"),
            ("other", "completed"),
        ]

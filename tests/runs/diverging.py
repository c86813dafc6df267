"""Runs whose code changes under them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import perdure
from perdure.core.records import RunRecord
from tests.runs.cluster import Cluster

Flow = Callable[[perdure.Context], Awaitable[Any]]


async def value(number: int = 1) -> int:
    return number


async def changed(cluster: Cluster, before: Flow, after: Flow) -> RunRecord:
    """A run that waits for `go` in one version of its code, and goes on in another; its record in the end."""

    async def flow(ctx: perdure.Context) -> Any:
        return await before(ctx)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(2)
    assert await cluster.status() == "suspended"
    await cluster.kill()

    async def new(ctx: perdure.Context) -> Any:
        return await after(ctx)

    cluster.workflow(new, name="flow")
    await run.emit_event("go")
    await cluster.start_worker()
    await cluster.clock.advance(2)
    return await cluster.record()


def assert_diverged(record: RunRecord, position: str, *words: str) -> None:
    assert record.failure is not None, record
    assert (record.status, record.is_parked, record.failure.reason) == ("suspended", True, "diverged")
    assert (record.worker_id, record.completed_at, record.due_at) == (None, None, None)
    assert f"at {position}:" in record.failure.message
    for word in words:
        assert word in record.failure.message


async def one_step(ctx: perdure.Context) -> None:
    await ctx.step("a", value)
    await ctx.await_event("go")

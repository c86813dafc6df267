"""Runs that a worker has claimed and not begun yet are its own, however long its loop or its store takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import perdure
from perdure.core.operations import TakeRun
from perdure.errors import StoreUnavailable
from perdure.runs.worker import Worker
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import LEASE_FOR, Cluster


class SlowJournals(WrappedStore):
    """The journal of a run that was claimed, or what came in for it, comes when the test lets it."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.store)
        self.is_late = False
        self.comes = asyncio.Event()

    async def around_read(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        found = await read()
        if self.is_late and name in {"events.list", "runs.journals"}:
            await self.comes.wait()
        return found


def waits_and_acts(cluster: Cluster) -> Callable[[perdure.Context], Awaitable[int]]:
    async def flow(ctx: perdure.Context) -> int:
        await ctx.await_event("go")
        await ctx.step("effect", lambda: cluster.done.append("effect"))
        return ctx.token

    return flow


async def claimed_late(memory: Cluster, store: SlowJournals) -> tuple[perdure.Run[int], Worker]:
    """A run that a worker has claimed, and does not begin yet."""
    run = await memory.start(waits_and_acts(memory))
    simulated = await memory.start_worker(store=store)
    await memory.clock.advance(1)
    store.is_late = True
    await run.emit_event("go")
    await memory.clock.advance(1)
    assert (await run.record()).status == "running"
    return run, simulated.worker


async def test_a_run_is_executed_once_where_a_claim_takes_longer_than_a_lease(
    memory: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    store = SlowJournals(memory)
    run, _ = await claimed_late(memory, store)
    await memory.clock.advance(3 * LEASE_FOR)
    assert memory.done == []
    store.comes.set()
    assert await memory.result(run) == 2
    assert memory.done == ["effect"]
    assert "did not execute" not in caplog.text


class OnceUnreadable(WrappedStore):
    """Reads the journals of several runs only at the second time; one alone never, where it is named."""

    def __init__(self, cluster: Cluster, error: Exception, unreadable: str = "") -> None:
        super().__init__(cluster.store)
        self.error, self.unreadable = error, unreadable
        self.reads = 0
        real = self.runs.journals

        async def journals(runs: Any) -> Any:
            self.reads += 1
            if self.reads == 1 or [run.run_id for run in runs] == [self.unreadable]:
                raise self.error
            return await real(runs)

        self.runs.journals = journals


@pytest.mark.parametrize("error", [StoreUnavailable("for a moment"), ValueError("a column is damaged")])
async def test_what_can_not_be_read_for_a_moment_or_of_one_run_keeps_no_other_one_from_beginning(
    memory: Cluster, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    is_damaged = isinstance(error, ValueError)
    flow = memory.workflow(waits_and_acts(memory))
    runs = [await memory.client.start(flow, run_id=f"r{number}") for number in range(4)]
    await memory.start_worker()
    await memory.clock.advance(1)
    await memory.kill()
    for run in runs:
        await run.emit_event("go")
    store = OnceUnreadable(memory, error, "r1" if is_damaged else "")
    await memory.start_worker(store=store)
    await memory.clock.advance(LEASE_FOR + 2)
    statuses = [(await run.record()).status for run in runs]
    assert statuses == ["completed", "running" if is_damaged else "completed", "completed", "completed"]
    assert ("run r1: its journal can't be read" in caplog.text) == is_damaged


async def test_a_worker_that_is_stopped_meanwhile_begins_nothing_more(memory: Cluster) -> None:
    store = SlowJournals(memory)
    run, worker = await claimed_late(memory, store)
    stopping = asyncio.ensure_future(worker.stop(at_once=True))
    await memory.clock.settle()
    store.comes.set()
    await memory.clock.until(stopping)
    assert memory.done == []
    record = await run.record()
    assert (record.status, record.worker_id) == ("queued", None)


async def test_what_was_claimed_and_will_never_be_begun_is_given_back_also_while_others_are_claimed(
    memory: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    run = await memory.start(waits_and_acts(memory))
    simulated = await memory.start_worker(queues={"other": 1})
    holder = simulated.worker.holder
    take = TakeRun(
        tenant=None,
        run_id=run.id,
        worker_id=holder.worker_id,
        incarnation=holder.incarnation,
        claim_id="lost",
        at=memory.clock.now(),
    )
    await memory.store.execute(take)  # and nobody hears of it
    await memory.clock.advance(LEASE_FOR / 2)
    with holder.claiming():
        await memory.clock.advance(LEASE_FOR)
    record = await run.record()
    assert (record.status, record.worker_id) == ("queued", None)
    assert "did not execute" in caplog.text

"""What an attempt reads is read again while its lease lasts; then the attempt is lost, and the run does not fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

import perdure
from perdure import Agent, App, Retry
from perdure.errors import EventTimeout, StoreUnavailable
from perdure.stores.port import Store
from perdure.testing.scripted import ScriptedModel, call, say
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import LEASE_FOR, Cluster

T = TypeVar("T")
OF_THE_WORKER = {"runs.overdue", "runs.cancelling_children", "runs.parked"}


class Flaky(WrappedStore):
    """A store each of whose reads fails a few times in a row, once for each of its names; or all of them for a time."""

    def __init__(self, inner: Store, times: int = 2) -> None:
        super().__init__(inner)
        self.times = times
        self.failed: dict[str, int] = {}
        self.is_down = False

    async def around_read(self, name: str, read: Callable[[], Awaitable[T]]) -> T:
        if name.startswith(("workers.", "queues.")) or name in {
            "runs.overdue",
            "runs.cancelling_children",
            "runs.parked",
        }:
            return await read()  # the worker's own, before and between its attempts
        if self.is_down or self.failed.get(name, 0) < self.times:
            self.failed[name] = self.failed.get(name, 0) + 1
            raise StoreUnavailable(f"{name} failed")
        return await read()


async def child(ctx: perdure.Context) -> str:
    return "grown"


async def test_a_run_completes_although_each_of_its_reads_fails_at_first(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[str]:
        said = [str(await ctx.emit_event("mine", 1))]
        try:
            await ctx.await_event("never", timeout=0.5)
        except EventTimeout:
            said.append("timed out")
        started = await ctx.start(grown)
        said.append(await started.result())
        said.append(str(await ctx.await_event("go")))
        return said

    grown = cluster.workflow(child)
    store = Flaky(cluster.store)
    run = await cluster.start(flow)
    await cluster.start_worker(store=store)
    await cluster.clock.advance(10)
    await run.emit_event("go", "gone")
    assert await cluster.result(run) == ["True", "timed out", "grown", "gone"]
    assert cluster.taken == []
    assert {"runs.news", "runs.journals", "runs.inboxes"} <= set(store.failed)


async def test_a_restarted_child_is_waited_for_although_the_reads_fail_at_first(cluster: Cluster) -> None:
    async def sometimes(ctx: perdure.Context) -> str:
        async def work() -> str:
            cluster.done.append("worked")
            if len(cluster.done) == 1:
                raise ValueError
            return "done"

        return await ctx.step("work", work)

    async def flow(ctx: perdure.Context) -> str:
        return await (await ctx.start(declared)).result()

    declared = cluster.workflow(sometimes)
    run = await cluster.start(flow)
    await cluster.start_worker(store=Flaky(cluster.store, times=0))
    assert (await cluster.clock.until(run.wait())).status == "failed"
    await cluster.kill()
    await cluster.client.run("run/0").restart()
    await run.restart()
    await cluster.start_worker(store=Flaky(cluster.store))
    assert await cluster.result(run, within=100) == "done"


@pytest.mark.parametrize("news", ["an event", "a cancel"])
async def test_news_that_can_not_be_looked_at_are_looked_at_again(cluster: Cluster, news: str) -> None:
    async def flow(ctx: perdure.Context) -> tuple[object, None]:
        return await ctx.gather(ctx.await_event("go"), ctx.step("long", cluster.sleep, 1800))

    async def is_settled() -> bool:
        if news == "a cancel":
            return await cluster.status() == "cancelled"
        return (await cluster.steps()).get("0") is not None

    run = await cluster.start(flow)
    store = Flaky(cluster.store, times=0)
    await cluster.start_worker(store=store)
    await cluster.clock.advance(1)
    store.is_down = True
    if news == "an event":
        await run.emit_event("go", 1)
    else:
        await cluster.ask_to_cancel(within=10_000.0)
    await cluster.clock.advance(5)
    assert not await is_settled()
    store.is_down = False
    await cluster.clock.advance(2)
    assert await is_settled()


async def test_an_attempt_that_can_not_read_until_its_lease_has_ended_is_lost_and_its_run_goes_on(
    cluster: Cluster,
) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.await_event("never", timeout=0.5)
        except EventTimeout:
            return "timed out"
        return "came"

    store = Flaky(cluster.store, times=0)
    run = await cluster.start(flow)
    simulated = await cluster.start_worker(store=store)
    store.is_down = True
    await cluster.clock.advance(1)
    simulated.worker.holder.lease_until = 0.0
    await cluster.clock.advance(2)
    assert await cluster.status() == "running"
    store.is_down = False
    await cluster.kill()
    await cluster.start_worker()
    assert await cluster.result(run, within=LEASE_FOR + 10) == "timed out"


@pytest.mark.slow
async def test_a_turn_completes_although_each_of_its_reads_fails_at_first() -> None:
    async def look() -> str:
        """Look."""
        return "seen"

    class Flawed(App):
        async def open_store(self) -> Store:
            return WorkersOnly(await super().open_store())

    class WorkersOnly(Flaky):
        async def around_read(self, name: str, read: Callable[[], Awaitable[T]]) -> T:
            if name in {"threads.get", "messages.path"} and self.working:
                return await super().around_read(name, read)
            return await read()

        working = False

    model = ScriptedModel([call("look"), say("Seen.")])
    app = Flawed("memory:", agents=[Agent("agent", model=model, tools=[look], retry=Retry(attempts=1))])
    async with app, asyncio.timeout(10):
        thread = await app.threads.create("agent")
        store = app.store
        assert isinstance(store, WorkersOnly)
        turn = await thread.send("go")
        store.working = True
        record = await app.run(turn.run_id).wait()
        assert record.status == "completed"
        assert set(store.failed) == {"threads.get", "messages.path"}

"""Waiting is free: a run that waits holds nothing, user code can't swallow that, and no wake-up is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import perdure
from perdure.core import keys
from perdure.core.ids import new_id
from perdure.core.operations import Emit, SuspendRun
from perdure.stores.port import Store
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import Cluster

LONG = timedelta(hours=3)


async def test_a_waiting_run_holds_no_lease_no_task_and_no_place(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        await ctx.await_event("go")
        return "gone"

    run = await cluster.start(flow)
    simulated = await cluster.start_worker()
    await cluster.clock.settle()
    idle = len(simulated.process.tasks)
    record = await cluster.record()
    assert (record.status, record.worker_id, record.due_at) == ("suspended", None, None)
    assert record.waiting_for == ("event:go",)
    assert simulated.worker.holder.attempts == {}
    for number in range(20):
        await cluster.start(flow, run_id=f"more {number}")
    await cluster.clock.settle()
    assert len(simulated.process.tasks) == idle
    await run.emit_event("go")
    assert await cluster.result(run) == "gone"


async def test_a_wait_of_under_a_second_holds_the_run_and_a_longer_one_suspends_it(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> float:
        await ctx.sleep(0.9)
        await ctx.sleep(timedelta(seconds=1.1))
        return cluster.clock.elapsed()

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(0.5)
    assert (await cluster.status(), (await cluster.step("0")).due_at is not None) == ("running", True)
    await cluster.clock.advance(0.5)
    record = await cluster.record()
    assert (record.status, record.waiting_for) == ("suspended", ("timer:1",))
    assert record.due_at == (await cluster.step("1")).due_at
    assert await cluster.result(run) == 2.0


async def test_an_event_that_came_before_the_wait_is_there_at_once_even_with_timeout_0(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        await ctx.sleep(0.5)
        return [await ctx.await_event("early", timeout=0), await ctx.await_event("early too")]

    run = await cluster.start(flow)
    assert await run.emit_event("early too", 2)
    await cluster.start_worker()
    await cluster.clock.advance(0.2)
    assert await run.emit_event("early", 1)
    assert await cluster.result(run) == [1, 2]
    assert (await cluster.record()).token == 1


async def test_a_timeout_of_0_asks_once(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            return await ctx.await_event("never", timeout=0)
        except perdure.EventTimeout:
            return f"asked at {cluster.clock.elapsed()}"

    assert await cluster.run(flow) == "asked at 0.0"


async def test_a_deadline_is_fixed_at_the_first_call_and_survives_restarts(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            return await ctx.await_event("never", timeout=timedelta(minutes=10))
        except perdure.EventTimeout:
            return f"timed out at {(cluster.clock.now() - started).total_seconds():g}"

    started = cluster.clock.now()
    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    due_at = (await cluster.record()).due_at
    await cluster.kill()
    await cluster.clock.advance(6 * 60)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    record = await cluster.record()
    assert (record.status, record.due_at) == ("suspended", due_at)
    await cluster.kill()
    await cluster.clock.advance(3 * 60)
    await cluster.start_worker()
    assert await cluster.result(run, within=120) == "timed out at 600"


async def test_a_sleep_ends_when_it_was_to_end_whoever_waits_for_it(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> float:
        await ctx.sleep(timedelta(days=1))
        return (await ctx.now()).timestamp() - started

    started = cluster.clock.now().timestamp()
    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.kill()
    await cluster.clock.advance(24 * 3600 - 5)
    await cluster.start_worker()
    await cluster.clock.advance(4.5)
    assert await cluster.status() == "suspended"
    assert await cluster.result(run, within=10) == 24 * 3600


async def test_a_sleep_that_was_over_long_ago_is_over_at_once(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        await ctx.sleep(5)
        return "done"

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.kill()
    await cluster.clock.advance(3600)
    await cluster.start_worker()
    await cluster.clock.settle()
    assert (await run.record()).status == "completed"


@pytest.mark.parametrize("duration", [0, -5, timedelta(0)])
async def test_a_sleep_of_nothing_is_over_at_once(memory: Cluster, duration: float | timedelta) -> None:
    async def flow(ctx: perdure.Context) -> float:
        await ctx.sleep(duration)
        return memory.clock.elapsed()

    assert await memory.run(flow) == 0.0


async def test_an_event_wins_over_a_deadline_that_passed_while_nobody_looked(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        return await ctx.await_event("go", timeout=60)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.kill()
    await run.emit_event("go", "in time")
    await cluster.clock.advance(3600)
    await cluster.start_worker()
    assert await cluster.result(run) == "in time"


class Between(WrappedStore):
    """Lets something happen right before each suspension is committed: the wake-up race, every time."""

    def __init__(self, inner: Store, happen: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(inner)
        self.happen = happen
        self.suspensions = 0

    def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        if not isinstance(operations[0], SuspendRun):
            return commit()
        self.suspensions += 1
        return self._after(commit)

    async def _after(self, commit: Callable[[], Awaitable[Any]]) -> Any:
        await self.happen()
        return await commit()


def emit(name: str, payload: bytes, cluster: Cluster) -> Emit:
    return Emit(
        tenant=None,
        run_id="run",
        key=keys.event(name),
        payload=payload,
        at=cluster.clock.now(),
        emit_id=new_id("emit"),
    )


async def test_no_wake_up_is_lost_that_comes_between_looking_and_suspending(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        return [await ctx.await_event(key) for key in ("a", "b", "c")]

    names = iter("abc")

    async def happen() -> None:
        name = next(names)
        await cluster.store.execute(emit(name, b'"%s"' % name.encode(), cluster))

    run = await cluster.start(flow)
    between = Between(cluster.store, happen)
    await cluster.start_worker(store=between)
    assert await cluster.result(run, within=5) == ["a", "b", "c"]
    assert between.suspensions == 3
    assert (await cluster.record()).token == 1  # it never let go of its lease


async def test_no_wake_up_is_lost_that_comes_from_another_process_between_looking_and_suspending(
    sqlite: Cluster,
) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        return [await ctx.await_event(key) for key in ("a", "b", "c")]

    other = await sqlite.another_store()
    names = iter("abc")

    async def happen() -> None:
        await other.execute(emit(next(names), b"1", sqlite))

    run = await sqlite.start(flow)
    await sqlite.start_worker(store=Between(sqlite.store, happen))
    assert await sqlite.result(run, within=5) == [1, 1, 1]


class SlowToLook(WrappedStore):
    """Looks at a run, and has the answer only when it is let go."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.looks = 0
        self.may_end = asyncio.Event()

    async def around_read(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        if name != "runs.news":
            return await read()
        self.looks += 1
        found = await read()
        await self.may_end.wait()
        return found


@pytest.mark.parametrize("how", ["event", "cancel"])
async def test_what_is_looked_at_while_an_attempt_unwinds_is_not_lost(cluster: Cluster, how: str) -> None:
    async def flow(ctx: perdure.Context) -> str:
        await ctx.sleep(0.5)
        try:
            return await ctx.await_event("go")
        finally:
            if ctx.unwinding:
                await cluster.sleep(1.0)

    run = await cluster.start(flow)
    slow = SlowToLook(cluster.store)
    slow.may_end.set()
    await cluster.start_worker(store=slow)
    await cluster.clock.advance(0.3)
    slow.may_end.clear()
    looks = slow.looks
    told = asyncio.ensure_future(run.emit_event("go", "gone") if how == "event" else run.cancel())
    await cluster.clock.advance(0.5)
    assert slow.looks > looks
    slow.may_end.set()
    if how == "event":
        assert await told is True
        assert await cluster.result(run, within=2) == "gone"
    else:
        await cluster.clock.until(told, within=2)
        assert await cluster.status() == "cancelled"
        assert cluster.clock.elapsed() < 3


async def test_many_events_at_once_wake_each_run_once_and_the_right_one(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context, name: str) -> str:
        return f"{name} {await ctx.await_event('go')}"

    runs = [await cluster.start(flow, f"{number}", run_id=f"run {number}") for number in range(30)]
    await cluster.start_worker()
    await cluster.clock.settle()
    await asyncio.gather(*[run.emit_event("go", f"{number}") for number, run in enumerate(runs) if number % 3])
    await cluster.clock.settle()
    statuses = [(await run.record()).status for run in runs]
    assert statuses == ["completed" if number % 3 else "suspended" for number in range(30)]
    for run in runs[::3]:
        await run.emit_event("go", run.id)
    results = [await cluster.result(run) for run in runs]
    assert results == [f"{number} {number if number % 3 else f'run {number}'}" for number in range(30)]


async def test_a_run_is_woken_by_whatever_worker_is_there(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> int:
        before = ctx.token
        await ctx.await_event("go")
        return ctx.token - before

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.kill()
    await run.emit_event("go")
    await cluster.start_worker()
    assert await cluster.result(run) == 0
    assert cluster.taken == []


async def test_a_jump_of_the_wall_clock_wakes_what_is_due_by_it(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        await ctx.sleep(LONG)
        return "slept"

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(10)
    cluster.clock.jump(LONG.total_seconds())
    assert await cluster.result(run, within=120) == "slept"


async def test_a_branch_goes_on_when_what_it_joined_has_ended_while_another_one_waits(cluster: Cluster) -> None:
    """In between, between the end of the joined and the next turn of its parent, no task is awake: none is parked."""

    async def inner() -> str:
        await cluster.sleep(0.1)
        return "inner"

    async def after() -> str:
        cluster.done.append("after")
        return "after"

    async def flow(ctx: perdure.Context) -> list[Any]:
        async def waits() -> Any:
            return await ctx.await_event("go")

        async def joins() -> list[str]:
            return [*await ctx.gather(ctx.step("inner", inner)), await ctx.step("after", after)]

        return list(await ctx.gather(waits, joins))

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    assert cluster.done == ["after"]
    assert (await cluster.status(), (await cluster.record()).waiting_for) == ("suspended", ("event:go",))
    await run.emit_event("go", "came")
    assert await cluster.result(run) == ["came", ["inner", "after"]]


@pytest.mark.parametrize("jump", [-3600.0, 3600.0], ids=["back", "on"])
async def test_a_wall_clock_that_is_set_during_a_short_wait_holds_no_run(cluster: Cluster, jump: float) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.sleep(0.9)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(0.3)
    assert (await run.record()).status == "running"
    cluster.clock.jump(jump)
    await cluster.clock.advance(6)
    status = (await run.record()).status
    if jump > 0:
        assert status == "completed"
        return
    assert status == "suspended"
    cluster.clock.jump(-jump)
    await cluster.clock.until(run.result(), within=30)


async def test_a_wall_clock_that_is_set_on_ends_a_long_wait_beside_a_step(cluster: Cluster) -> None:
    gate = asyncio.Event()

    async def flow(ctx: perdure.Context) -> None:
        await ctx.gather(ctx.sleep(LONG), ctx.step("busy", gate.wait))

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    cluster.clock.jump(LONG.total_seconds())
    await cluster.clock.advance(6)
    assert [step.status for step in await run.steps() if step.kind == "sleep"] == ["completed"]
    gate.set()
    await cluster.clock.until(run.result())

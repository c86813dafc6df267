"""run_durable: one run under an id, driven by whoever calls; with every parameter and everything it gives back."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

import perdure
from perdure import Outcome, run_durable
from perdure.errors import (
    Divergence,
    IdInvalid,
    LeaseHeld,
    NotStorable,
    RunCancelled,
    SettingInvalid,
    StepFailed,
)
from perdure.testing.dying import Process
from tests.runs.cluster import Cluster, deaths
from tests.runs.driving import Driver, manifest


async def value(number: int = 1) -> int:
    return number


async def test_it_gives_result_record_and_steps(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> int:
        return await ctx.step("one", value) + await ctx.step("two", value, 2)

    done = await cluster.clock.until(drive(task))
    assert done.result == 3
    assert (done.record.run_id, done.record.status, done.record.worker_id) == ("run", "completed", None)
    assert [(step.position, step.name, step.status) for step in done.steps] == [
        ("0", "one", "completed"),
        ("1", "two", "completed"),
    ]


async def test_it_leaves_no_worker_and_no_thread_behind(cluster: Cluster, drive: Driver) -> None:
    def work() -> int:
        return 1

    async def task(ctx: perdure.Context) -> int:
        return await ctx.step("one", work)

    before = set(threading.enumerate())
    for number in range(5):
        await cluster.clock.until(drive(task, run_id=f"run {number}"))
    assert await cluster.store.workers.list() == []
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, 10)
    assert [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("perdure")] == []


async def test_a_completed_run_is_replayed_without_effects_and_its_record_stays(
    cluster: Cluster, drive: Driver
) -> None:
    async def task(ctx: perdure.Context) -> str:
        async def work() -> str:
            cluster.done.append("worked")
            return "done"

        cluster.done.append(f"called at {await ctx.now()} with {ctx.uuid()} {ctx.random().random()}")
        await ctx.gather(ctx.sleep(0.5), ctx.emit_event("mine"), ctx.await_event("mine"))
        return await ctx.step("work", work)

    first = await cluster.clock.until(drive(task))
    await cluster.clock.advance(100)
    again = await cluster.clock.until(drive(task, default_outcome=Outcome(passed=False)))
    assert again == first
    assert cluster.done[0] == cluster.done[2]
    assert cluster.done[1:] == ["worked", cluster.done[0]]
    assert await cluster.store.workers.list() == []


@pytest.mark.parametrize("change", ["another step", "a further step", "a step less", "a failure"])
async def test_code_that_does_not_agree_with_a_completed_run_is_told_so_and_executes_nothing(
    cluster: Cluster, drive: Driver, change: str
) -> None:
    async def work(name: str) -> str:
        cluster.done.append(name)
        return name

    async def before(ctx: perdure.Context) -> None:
        await ctx.step("a", work, "a")
        await ctx.step("b", work, "b")

    async def after(ctx: perdure.Context) -> None:
        await ctx.step("a", work, "a")
        if change == "a step less":
            return
        if change == "a failure":
            raise ValueError
        await ctx.step("c" if change == "another step" else "b", work, "b")
        if change == "a further step":
            await ctx.step("d", work, "d")

    done = await cluster.clock.until(drive(before))
    with pytest.raises(Divergence):
        await cluster.clock.until(drive(after))
    assert cluster.done == ["a", "b"]
    assert await cluster.record() == done.record


async def test_it_raises_what_the_function_raises(cluster: Cluster, drive: Driver) -> None:
    class Mine(Exception):
        pass

    async def task(ctx: perdure.Context) -> None:
        raise Mine("with everything it carries")

    with pytest.raises(Mine, match="everything"):
        await cluster.clock.until(drive(task))
    assert await cluster.status() == "failed"


async def test_a_failed_run_is_restarted_and_only_its_failing_step_is_tried_again(
    cluster: Cluster, drive: Driver
) -> None:
    async def work(name: str) -> str:
        cluster.done.append(name)
        if name == "b" and cluster.done.count("b") == 1:
            raise ValueError("the first time")
        return name

    async def task(ctx: perdure.Context) -> list[str]:
        return [await ctx.step(name, work, name) for name in ("a", "b", "c")]

    with pytest.raises(StepFailed, match="the first time"):
        await cluster.clock.until(drive(task))
    done = await cluster.clock.until(drive(task))
    assert done.result == ["a", "b", "c"]
    assert cluster.done == ["a", "b", "b", "c"]


async def test_it_goes_on_where_a_dead_driver_was(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> int:
        first = await ctx.step("one", work)
        await cluster.sleep(stage_is_over)
        return first + await ctx.step("two", work)

    stage_is_over = 1.0

    async def work() -> int:
        cluster.done.append("worked")
        return len(cluster.done)

    process = Process(cluster.clock, cluster.store)
    process.run(drive(task, store=process.store, clock=process.clock))
    await cluster.clock.advance(0.5)
    await process.kill()
    if cluster.url == "memory:":  # it proves no death of a simulated process: the lease has to end
        with pytest.raises(LeaseHeld):
            await cluster.clock.until(drive(task))
        await cluster.clock.advance(30)
    done = await cluster.clock.until(drive(task))
    assert (done.result, cluster.done) == (3, ["worked", "worked"])
    assert (done.record.token, deaths(done.record)) == (3, 0)  # taken over, then claimed


async def test_who_is_cancelled_lets_go_of_the_run_at_once(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> str:
        async def work() -> str:
            cluster.done.append("began")
            await cluster.sleep(5)
            return "done"

        return await ctx.step("work", work)

    driving = asyncio.ensure_future(drive(task))
    await cluster.clock.advance(1)
    driving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cluster.clock.until(driving)
    assert await cluster.store.workers.list() == []
    record = await cluster.record()
    assert (record.status, record.worker_id, deaths(record)) == ("queued", None, 0)
    done = await cluster.clock.until(drive(task))
    assert (done.result, cluster.done) == ("done", ["began", "began"])


async def test_who_is_cancelled_with_every_task_of_its_own_lets_go_all_the_same(
    cluster: Cluster, drive: Driver
) -> None:
    async def task(ctx: perdure.Context) -> None:
        await ctx.step("work", cluster.sleep, 5)

    before = asyncio.all_tasks()
    driving = asyncio.ensure_future(drive(task))
    await cluster.clock.advance(1)
    driving.cancel()
    await asyncio.sleep(0)
    for left in asyncio.all_tasks() - before:  # as asyncio.run does at the end of its loop
        left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cluster.clock.until(driving)
    assert await cluster.store.workers.list() == []
    assert (await cluster.record()).status == "queued"


@pytest.mark.parametrize("when", ["before", "while it waits", "while it works"])
async def test_the_signal_cancels_the_run(cluster: Cluster, drive: Driver, when: str) -> None:
    async def task(ctx: perdure.Context) -> None:
        cluster.done.append("called")
        if when == "while it waits":
            await ctx.await_event("never")
        await ctx.step("hangs", asyncio.Event().wait)

    signal = asyncio.Event()
    if when == "before":
        signal.set()
    driving = asyncio.ensure_future(drive(task, signal=signal))
    await cluster.clock.advance(1)
    signal.set()
    with pytest.raises(RunCancelled):
        await cluster.clock.until(driving, within=2)
    record = await cluster.record()
    assert (record.status, record.cancel_reason) == ("cancelled", "the signal was set")
    assert await cluster.store.workers.list() == []


async def test_a_cancelled_run_stays_cancelled(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> None:
        await ctx.await_event("never")

    signal = asyncio.Event()
    driving = asyncio.ensure_future(drive(task, signal=signal))
    await cluster.clock.settle()
    signal.set()
    with pytest.raises(RunCancelled):
        await cluster.clock.until(driving)
    with pytest.raises(RunCancelled):
        await cluster.clock.until(drive(task))


async def test_a_signal_that_is_never_set_does_nothing(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> int:
        return await ctx.step("one", value)

    assert (await cluster.clock.until(drive(task, signal=asyncio.Event()))).result == 1


async def test_while_it_waits_it_holds_no_lease_and_anybody_may_emit(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> str:
        return await ctx.await_event("go")

    driving = asyncio.ensure_future(drive(task))
    await cluster.clock.advance(100)
    record = await cluster.record()
    assert (record.status, record.worker_id) == ("suspended", None)
    await cluster.client.emit_event("run", "go", "gone")
    done = await cluster.clock.until(driving)
    assert done.result == "gone"


async def test_it_sleeps_as_long_as_it_takes(cluster: Cluster, drive: Driver) -> None:
    async def task(ctx: perdure.Context) -> float:
        await ctx.sleep(timedelta(minutes=7))
        return cluster.clock.elapsed()

    done = await cluster.clock.until(drive(task), within=600)
    assert done.result == 420.0


async def test_the_default_outcome_is_kept_and_the_tasks_own_comes_first(cluster: Cluster, drive: Driver) -> None:
    async def plain(ctx: perdure.Context) -> None:
        return None

    async def own(ctx: perdure.Context) -> None:
        ctx.outcome = Outcome(passed=True, score=0.75, notes="good", metadata={"a": [1]})

    async def fails(ctx: perdure.Context) -> None:
        raise ValueError("the reason")

    default = Outcome(passed=False, metadata={"by": "default"})
    done = await cluster.clock.until(drive(plain, default_outcome=default))
    assert done.record.outcome == default
    done = await cluster.clock.until(drive(own, run_id="own", default_outcome=default))
    assert done.record.outcome == Outcome(passed=True, score=0.75, notes="good", metadata={"a": [1]})
    with pytest.raises(ValueError, match="reason"):
        await cluster.clock.until(drive(fails, run_id="fails", default_outcome=default))
    assert (await cluster.record("fails")).outcome == Outcome(
        passed=False, notes="the reason", metadata={"by": "default"}
    )


@pytest.mark.parametrize("where", ["in the workflow", "as the default"])
async def test_an_outcome_that_can_not_be_stored_is_refused_and_hangs_nobody(
    cluster: Cluster, drive: Driver, where: str
) -> None:
    wrong = Outcome(metadata={"a": object()})

    async def task(ctx: perdure.Context) -> str:
        if where == "in the workflow":
            ctx.outcome = wrong
        return "done"

    options = {} if where == "in the workflow" else {"default_outcome": wrong}
    with pytest.raises(NotStorable) as refused:
        async with asyncio.timeout(10):
            await cluster.clock.until(drive(task, **options))
    assert refused.value.field == ("default_" if options else "") + "outcome.metadata.a"


@pytest.mark.parametrize("run_id", ["", "a\0b", "x" * 513, "\ud800", 7])
async def test_an_id_that_is_none_is_refused_before_anything_changed(
    cluster: Cluster, drive: Driver, run_id: Any
) -> None:
    async def task(ctx: perdure.Context) -> None:
        raise AssertionError("it ran")

    with pytest.raises(IdInvalid) as refused:
        await cluster.clock.until(drive(task, run_id=run_id))
    assert refused.value.field == "run_id"
    assert await cluster.client.runs() == []


@pytest.mark.parametrize("run_id", ["a/../b", "…", "A", "a", "x" * 512, "%00", "a b'\"`;--"])
async def test_any_other_id_is_itself_and_no_other(cluster: Cluster, drive: Driver, run_id: str) -> None:
    async def task(ctx: perdure.Context) -> str:
        return ctx.run_id

    done = await cluster.clock.until(drive(task, run_id=run_id))
    assert done.result == run_id
    assert [record.run_id for record in await cluster.client.runs()] == [run_id]


async def test_a_plain_function_is_refused(cluster: Cluster, drive: Driver) -> None:
    def plain(ctx: perdure.Context) -> None:
        raise AssertionError("it ran")

    with pytest.raises(SettingInvalid):
        await cluster.clock.until(drive(plain))
    assert await cluster.client.runs() == []


async def test_without_an_app_it_works_on_the_machines_clock(tmp_path: Any) -> None:
    async def task(ctx: perdure.Context) -> int:
        await ctx.sleep(0.01)
        return await ctx.step("one", value)

    store = await perdure.open_store(f"sqlite:///{tmp_path}/runs.db")
    done = await run_durable(run_id="run", store=store, task=task, manifest=manifest())
    await store.close()
    assert done.result == 1

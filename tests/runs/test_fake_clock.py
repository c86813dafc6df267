"""FakeClock: what it promises to the tests that stand on it."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

import perdure
from perdure.core.clock import Clock
from perdure.errors import SettingInvalid
from perdure.runs.pool import Pool
from perdure.testing import FakeClock, ScriptedModel
from tests.runs.cluster import Cluster


async def test_it_is_a_clock() -> None:
    clock: Clock = FakeClock()
    assert clock.now().tzinfo is not None


async def test_time_stands_still_until_it_is_moved() -> None:
    clock = FakeClock()
    before = clock.now(), clock.lease_now(), clock.elapsed()
    await clock.settle()
    assert (clock.now(), clock.lease_now(), clock.elapsed()) == before
    await clock.advance(1.5)
    assert clock.now() - before[0] == timedelta(seconds=1.5)
    assert (clock.lease_now() - before[1], clock.elapsed() - before[2]) == (1.5, 1.5)


async def test_a_jump_moves_instants_only() -> None:
    clock = FakeClock()
    now, lease_now, elapsed = clock.now(), clock.lease_now(), clock.elapsed()
    clock.jump(-3600)
    assert now - clock.now() == timedelta(hours=1)
    assert (clock.lease_now(), clock.elapsed()) == (lease_now, elapsed)


async def test_timers_fire_at_their_time_and_in_order() -> None:
    clock = FakeClock()
    fired: list[tuple[str, float]] = []
    clock.call_after(2.0, lambda: fired.append(("late", clock.elapsed())))
    clock.call_after(1.0, lambda: fired.append(("soon", clock.elapsed())))
    await clock.advance(1.5)
    assert fired == [("soon", 1.0)]
    await clock.advance(1.0)
    assert fired == [("soon", 1.0), ("late", 2.0)]


async def test_a_timer_that_was_taken_back_does_not_fire() -> None:
    clock = FakeClock()
    fired: list[str] = []
    timer = clock.call_after(1.0, lambda: fired.append("x"))
    timer.cancel()
    await clock.advance(2.0)
    timer.cancel()
    assert fired == []


async def test_a_timer_set_by_a_timer_fires_within_the_same_advance() -> None:
    clock = FakeClock()
    fired: list[float] = []

    def tick() -> None:
        fired.append(clock.elapsed())
        clock.call_after(0.5, tick)

    clock.call_after(0.5, tick)
    await clock.advance(2.0)
    assert fired == [0.5, 1.0, 1.5, 2.0]


async def test_a_timer_without_a_wait_is_called_by_the_loop_and_not_inside_the_call() -> None:
    clock = FakeClock()
    fired: list[str] = []
    clock.call_after(0.0, lambda: fired.append("x"))
    assert fired == []
    await clock.settle()
    assert fired == ["x"]


async def test_the_loop_runs_until_it_is_idle_between_two_timers() -> None:
    clock = FakeClock()
    seen: list[float] = []

    async def work() -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        seen.append(clock.elapsed())

    tasks: list[asyncio.Task[None]] = []
    clock.call_after(1.0, lambda: tasks.append(asyncio.ensure_future(work())))
    clock.call_after(1.001, lambda: None)
    await clock.advance(5.0)
    assert seen == [1.0]


async def test_a_thread_that_waits_is_woken_at_its_time_and_is_back_before_time_goes_on() -> None:
    clock = FakeClock()
    stop, beats = threading.Event(), list[float]()

    def serve() -> None:
        while not clock.wait(stop, 1.0):
            beats.append(clock.elapsed())

    thread = threading.Thread(target=serve, name="perdure-heartbeat", daemon=True)
    thread.start()
    await clock.advance(5.25)
    assert beats == [1.0, 2.0, 3.0, 4.0, 5.0]
    stop.set()
    await asyncio.to_thread(thread.join, 10.0)
    assert not thread.is_alive()


async def test_until_lets_time_pass_as_long_as_it_takes_and_no_longer() -> None:
    clock = FakeClock()
    done = asyncio.Event()
    clock.call_after(7.0, done.set)
    assert await clock.until(done.wait()) is True
    assert clock.elapsed() == 7.0


async def test_until_says_that_nothing_will_ever_come() -> None:
    clock = FakeClock()
    with pytest.raises(AssertionError, match="nothing is due"):
        await clock.until(asyncio.Event().wait())


async def test_until_says_that_it_takes_too_long() -> None:
    clock = FakeClock()
    clock.call_after(100.0, lambda: None)
    with pytest.raises(AssertionError, match="within 10"):
        await clock.until(asyncio.Event().wait(), within=10)
    assert clock.elapsed() == 0.0


async def test_until_gives_a_call_that_it_no_longer_waits_for_real_time_to_end() -> None:
    clock, pool, may_end = FakeClock(), Pool(), threading.Event()
    clock.call_after(100.0, lambda: None)

    async def call() -> object:
        return await pool.start(lambda: may_end.wait(30))

    calling = asyncio.ensure_future(call())
    await clock.settle()
    threading.Timer(0.2, may_end.set).start()
    assert await clock.until(calling, within=10) is True
    assert clock.elapsed() <= 10
    pool.close()


async def test_the_clock_of_a_process_dies_alone() -> None:
    clock = FakeClock()
    one, other = clock.process(), clock.process()
    fired: list[str] = []
    one.call_after(1.0, lambda: fired.append("one"))
    other.call_after(1.0, lambda: fired.append("other"))
    one.kill()
    one.call_after(1.0, lambda: fired.append("a ghost"))
    await clock.advance(2.0)
    assert fired == ["other"]
    assert one.elapsed() == other.elapsed() == 2.0


async def test_a_thread_that_waits_on_the_clock_of_a_dead_process_ends() -> None:
    clock = FakeClock().process()
    thread = threading.Thread(target=lambda: clock.wait(threading.Event(), 1.0), daemon=True)
    thread.start()
    clock.kill()
    await asyncio.to_thread(thread.join, 10.0)
    assert not thread.is_alive()


async def test_no_lease_is_lost_however_far_time_is_moved(cluster: Cluster) -> None:
    simulated = await cluster.start_worker(lease_for=3.0)
    worker_id = simulated.worker.worker_id
    await cluster.clock.advance(600)
    assert simulated.worker.worker_id == worker_id
    (row,) = await cluster.store.workers.list()
    assert row.lease_until > cluster.clock.lease_now()
    assert cluster.clock.elapsed() == 600.0


async def test_times_are_given_as_everywhere_else() -> None:
    clock, week = FakeClock(), timedelta(days=7)
    app = perdure.App("memory:", clock=clock, agents=[perdure.Agent("a", model=ScriptedModel([]))])

    @app.workflow
    async def onboard(ctx: perdure.Context) -> str:
        await ctx.sleep(week)
        return "done"

    async with app:
        run = await app.start(onboard)
        await clock.advance(timedelta(seconds=1))
        assert (await run.record()).status == "suspended"
        clock.jump(week)
        await clock.advance(5)
        assert await clock.until(run.result(), within=timedelta(seconds=1)) == "done"
        with pytest.raises(SettingInvalid):
            await clock.advance("1")  # type: ignore[arg-type]

"""A store that is away for long, and threads of a worker that meet trouble: what is left when it is over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import perdure
from perdure.core.manifest import Manifest, TaskSpec
from perdure.core.operations import RegisterWorker
from perdure.errors import StoreMoved, StoreReplaced, StoreUnavailable
from perdure.runs import tick
from perdure.runs.durable import run_durable
from perdure.runs.heartbeat import STALL_LIMIT
from perdure.runs.pool import Pool
from perdure.stores.port import Store
from perdure.stores.sqlite import identity
from perdure.testing.wrapped import RunKeys, WrappedStore
from tests.runs.cluster import LEASE_FOR, Cluster, takes

HOUR = 3600.0
FEWER_TICKS = 1.0
"""Units: seconds between two ticks of a busy worker, in an hour that would have 36,000 of them."""


class Away(WrappedStore):
    """A store that can be away, with an error of a store or with one that nobody expected."""

    def __init__(self, inner: Store, error: type[Exception] = StoreUnavailable) -> None:
        super().__init__(inner)
        self.error = error
        self.is_away = self.renewals_fail = False
        self.registrations = 0

    def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        if self.is_away:
            failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            failed.set_exception(StoreUnavailable("the database is away"))
            return failed
        self.registrations += isinstance(operations[0], RegisterWorker)
        return commit()

    async def around_read(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        if self.is_away:
            raise StoreUnavailable("the database is away")
        return await read()

    def around_renewal(self, operation: Any, renew: Callable[[], RunKeys]) -> RunKeys:
        if self.is_away or self.renewals_fail:
            raise self.error("the database is away")
        return renew()


def locks_of(cluster: Cluster) -> list[str]:
    folder = Path(cluster.url.removeprefix("sqlite:///") + "-workers")
    return sorted(unquote(path.name) for path in folder.iterdir()) if folder.exists() else []


async def held(cluster: Cluster, worker: Any) -> tuple[int, int, int, list[str]]:
    """Background tasks, threads, rows and lock files that are not the worker's own."""
    rows = [row.worker_id for row in await cluster.store.workers.list()]
    assert worker.worker_id in rows
    others = [name for name in locks_of(cluster) if name != worker.worker_id]
    return len(worker.holder._background), threading.active_count(), len(rows), others


@pytest.mark.parametrize(
    "outage",
    [pytest.param(6 * LEASE_FOR, id="six leases"), pytest.param(HOUR, id="an hour", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("error", [StoreUnavailable, ZeroDivisionError])
async def test_an_outage_of_many_leases_is_waited_out_and_leaves_nothing_behind(
    cluster: Cluster, error: type[Exception], outage: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    if outage == HOUR:
        monkeypatch.setattr(tick, "SHOW_AFTER", FEWER_TICKS)
    away = Away(cluster.store, error)
    run = await cluster.client.start(takes(cluster, 45), run_id="run")
    simulated = await cluster.start_worker(store=away)
    worker: Any = simulated.worker
    await cluster.clock.advance(15)
    before = await held(cluster, worker)
    away.is_away = True
    for _ in range(6):
        await cluster.clock.advance(outage / 6)
        assert len(worker.holder._background) <= before[0] + 1
    away.is_away = False
    await cluster.clock.advance(2)
    assert away.registrations == 1  # nobody has taken over: the lease goes on
    assert await cluster.result(run, within=120) == "done"
    await cluster.clock.advance(5)
    assert await held(cluster, worker) == before
    assert cluster.taken == []


async def test_several_outages_leave_nothing_behind(cluster: Cluster) -> None:
    away = Away(cluster.store)
    simulated = await cluster.start_worker(store=away)
    before = await held(cluster, simulated.worker)
    ids = {simulated.worker.worker_id}
    for _ in range(3):
        away.is_away = True
        await cluster.clock.advance(2 * LEASE_FOR)
        away.is_away = False
        await cluster.clock.advance(5)
        ids.add(simulated.worker.worker_id)
    assert len(ids) == away.registrations == 1
    assert await held(cluster, simulated.worker) == before


@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["in this process", "in another process"])
async def test_a_worker_that_lost_everything_in_each_of_several_outages_leaves_nothing_behind(
    cluster: Cluster, *, is_elsewhere: bool
) -> None:
    away = Away(cluster.store)
    simulated = await cluster.start_worker(store=away)
    await cluster.start_worker(store=await cluster.another_store() if is_elsewhere else None)  # which takes over
    before = await held(cluster, simulated.worker)
    ids = {simulated.worker.worker_id}
    for _ in range(3):
        away.is_away = True
        await cluster.clock.advance(STALL_LIMIT + LEASE_FOR)
        away.is_away = False
        await cluster.clock.advance(5)
        ids.add(simulated.worker.worker_id)
    assert len(ids) == away.registrations == 4
    others = [name for name in before[3] if name not in ids]
    assert await held(cluster, simulated.worker) == (*before[:3], others)


async def test_a_worker_that_is_stopped_after_it_was_taken_over_leaves_no_lock(cluster: Cluster) -> None:
    away = Away(cluster.store)
    simulated = await cluster.start_worker(store=away)
    other = await cluster.start_worker(store=await cluster.another_store())
    away.is_away = True
    await cluster.clock.advance(STALL_LIMIT + LEASE_FOR)
    away.is_away = False
    await simulated.process.run(simulated.worker.stop())
    await other.process.run(other.worker.stop())
    assert await cluster.store.workers.list() == []
    assert locks_of(cluster) == []


async def test_a_late_word_of_an_expired_lease_does_not_end_the_next_one(cluster: Cluster) -> None:
    away = Away(cluster.store)
    simulated = await cluster.start_worker(store=away)
    holder = simulated.worker.holder
    old, incarnation = holder.worker_id, holder.incarnation
    away.is_away = True
    await cluster.clock.advance(STALL_LIMIT + LEASE_FOR)
    await cluster.start_worker()  # which takes over
    away.is_away = False
    await cluster.clock.advance(5)
    new = holder.worker_id
    holder.expired(incarnation)
    await cluster.clock.advance(5)
    assert holder.worker_id == new != old


async def test_a_heartbeat_that_meets_an_unexpected_error_renews_the_next_time(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    away = Away(cluster.store, ZeroDivisionError)
    run = await cluster.client.start(takes(cluster, 60), run_id="run")
    simulated = await cluster.start_worker(store=away)
    worker_id = simulated.worker.worker_id
    await cluster.clock.advance(1)
    away.renewals_fail = True
    await cluster.clock.advance(15)
    away.renewals_fail = False
    assert await cluster.result(run, within=90) == "done"
    assert simulated.worker.worker_id == worker_id
    assert "ZeroDivisionError" in caplog.text


async def test_a_worker_whose_heartbeat_can_not_start_is_not_registered_until_it_can(
    cluster: Cluster, unstartable: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    unstartable.add("perdure-heartbeat")
    worker = perdure.Worker(cluster.store, cluster.workflows, clock=cluster.clock)
    starting = asyncio.ensure_future(worker.start())
    await cluster.clock.advance(10)
    assert not starting.done()
    assert "can't start new thread" in caplog.text
    assert await cluster.store.workers.list() == []
    assert locks_of(cluster) == []
    unstartable.clear()
    await cluster.clock.until(starting, within=5)
    assert [row.worker_id for row in await cluster.store.workers.list()] == [worker.worker_id]
    await worker.stop()
    assert await cluster.store.workers.list() == []


async def test_a_synchronous_step_waits_until_a_thread_can_start(cluster: Cluster, unstartable: set[str]) -> None:
    async def flow(ctx: perdure.Context) -> int:
        return await ctx.step("work", lambda: 7)

    unstartable.add("perdure-call")
    run = await cluster.start(flow)
    simulated = await cluster.start_worker()
    await cluster.clock.advance(5)
    assert await cluster.status() == "running"
    assert simulated.worker.holder.pool.stuck == 0
    unstartable.clear()
    assert await cluster.result(run) == 7


async def test_a_call_that_finds_no_new_thread_is_served_by_those_there_are(unstartable: set[str]) -> None:
    pool, began, go = Pool(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def block() -> bool:
        loop.call_soon_threadsafe(began.set)
        return go.wait(10)

    first = pool.start(block)
    await began.wait()
    unstartable.add("perdure-call")
    second = pool.start(lambda: 7)
    go.set()
    assert [await first, await second] == [True, 7]
    pool.close()


# The file of a database.


@pytest.fixture
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "LOOK_EVERY", 0.0)


def rename(path: str, to: str) -> None:
    Path(path).rename(to)


@pytest.mark.slow
@pytest.mark.usefixtures("looks_at_once")
async def test_a_file_that_is_away_for_an_hour_is_waited_out_and_each_step_keeps_its_outcome(
    sqlite: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick, "SHOW_AFTER", FEWER_TICKS)

    async def flow(ctx: perdure.Context) -> str:
        for number in range(3):
            await ctx.step(f"step {number}", note, number)
        return "done"

    async def note(number: int) -> None:
        await sqlite.sleep(10)
        sqlite.done.append(f"step {number}")

    path = sqlite.url.removeprefix("sqlite:///")
    run = await sqlite.start(flow)
    await sqlite.start_worker()
    await sqlite.clock.advance(11)
    rename(path, f"{path}-away")
    with pytest.raises(StoreMoved):
        await run.record()
    await sqlite.clock.advance(HOUR)
    rename(f"{path}-away", path)
    assert await sqlite.result(run, within=120) == "done"
    assert sqlite.done.count("step 0") == 1
    assert sqlite.taken == []


@pytest.mark.usefixtures("looks_at_once")
async def test_a_run_whose_file_was_replaced_is_not_failed_by_it(sqlite: Cluster, tmp_path: Path) -> None:
    path, another = sqlite.url.removeprefix("sqlite:///"), str(tmp_path / "another")
    await asyncio.to_thread(Path(another).touch)

    async def flow(ctx: perdure.Context) -> str:
        await ctx.step("work", work)
        return "done"

    async def work() -> None:
        sqlite.done.append("worked")
        if len(sqlite.done) == 1:
            rename(path, f"{path}-away")
            rename(another, path)

    run = await sqlite.start(flow)
    await sqlite.start_worker()
    await sqlite.clock.advance(5)
    with pytest.raises(StoreReplaced):
        await run.record()
    assert sqlite.done == ["worked"]
    rename(f"{path}-away", path)
    assert await sqlite.result(run, within=120) == "done"
    assert sqlite.done == ["worked", "worked"]


@pytest.mark.usefixtures("looks_at_once")
async def test_run_durable_says_that_the_file_was_replaced(sqlite: Cluster, tmp_path: Path) -> None:
    path, another = sqlite.url.removeprefix("sqlite:///"), str(tmp_path / "another")
    await asyncio.to_thread(Path(another).touch)

    async def task(ctx: perdure.Context) -> None:
        await ctx.step("work", lambda: rename(another, path))

    given = Manifest(task=TaskSpec(id="task"))
    with pytest.raises(StoreReplaced, match="while it was open"):
        await sqlite.clock.until(
            run_durable(run_id="run", store=sqlite.store, task=task, manifest=given, clock=sqlite.clock)
        )

"""A lease that is kept alive, one that is lost, and what follows: nothing of a loser is written."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import perdure
from perdure.core.operations import Claim, PutStep
from perdure.errors import SettingInvalid, StoreUnavailable
from perdure.runs.heartbeat import STALL_LIMIT
from perdure.runs.workflow import Workflow
from perdure.stores.port import Store
from perdure.testing.wrapped import RunKeys, WrappedStore
from tests.runs.cluster import LEASE_FOR, Cluster, deaths, takes


class Flaky(WrappedStore):
    """A store that can't be reached for a while: for its commits, its renewals, or both."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.commits_fail = False
        self.renewals_fail = False
        self.renewals = self.renewed = 0

    def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        if not self.commits_fail:
            return commit()
        failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        failed.set_exception(StoreUnavailable("the network is down"))
        return failed

    def around_renewal(self, operation: Any, renew: Callable[[], RunKeys]) -> RunKeys:
        self.renewals += 1
        if self.renewals_fail:
            raise StoreUnavailable("the network is down")
        orphans = renew()
        self.renewed += 1
        return orphans


async def test_it_is_renewed_at_a_third_of_its_length(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)
    await cluster.start_worker(store=flaky, lease_for=9.0)
    await cluster.clock.advance(30.5)
    assert flaky.renewals == 10


async def test_a_step_longer_than_the_lease_keeps_it(cluster: Cluster) -> None:
    run = await cluster.client.start(takes(cluster, 5 * LEASE_FOR), run_id="run")
    await cluster.start_worker()
    await cluster.start_worker()
    assert await cluster.result(run, within=200) == "done"
    assert ((await cluster.record()).token, cluster.taken) == (1, [])


async def test_a_transient_store_error_is_forgiven_until_the_lease_has_really_ended(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)
    run = await cluster.client.start(takes(cluster, 60), run_id="run")
    simulated = await cluster.start_worker(store=flaky)
    worker_id = simulated.worker.worker_id
    await cluster.clock.advance(11)
    flaky.renewals_fail = True
    await cluster.clock.advance(25)  # two renewals fail, the lease has five seconds left
    flaky.renewals_fail = False
    assert await cluster.result(run) == "done"
    assert simulated.worker.worker_id == worker_id
    assert (await cluster.record()).token == 1


async def test_a_lease_that_ended_goes_on_where_nobody_has_taken_over(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)
    run = await cluster.client.start(takes(cluster, 2 * LEASE_FOR), run_id="run")
    simulated = await cluster.start_worker(store=flaky)
    worker_id = simulated.worker.worker_id
    flaky.renewals_fail = True
    await cluster.clock.advance(LEASE_FOR + 10)
    flaky.renewals_fail = False
    assert await cluster.result(run) == "done"
    assert (simulated.worker.worker_id, cluster.done, cluster.taken) == (worker_id, ["began", "ended"], [])
    assert (await cluster.record()).token == 1


async def test_a_lease_that_was_taken_is_lost_and_its_work_cut_off(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)
    await cluster.client.start(takes(cluster, 600), run_id="run")
    simulated = await cluster.start_worker(store=flaky)
    worker_id = simulated.worker.worker_id
    flaky.renewals_fail = True
    await cluster.start_worker()
    await cluster.clock.advance(STALL_LIMIT + 1)
    assert (sorted(cluster.done), cluster.taken) == (["began", "began", "cut off"], ["run"])
    step = await cluster.step("0")
    assert (step.status, step.failure) == ("running", None)  # as it showed: nothing of the loser was written
    flaky.renewals_fail = False
    await cluster.clock.advance(LEASE_FOR)
    assert simulated.worker.worker_id != worker_id


async def test_a_worker_that_has_expired_takes_a_new_id_and_works_on(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)
    run = await cluster.client.start(takes(cluster, 45 + STALL_LIMIT), run_id="run")
    simulated = await cluster.start_worker(store=flaky)
    old = simulated.worker.worker_id
    flaky.renewals_fail = True
    other = await cluster.start_worker(queues={"other": None})  # which takes over, and claims nothing
    await cluster.clock.advance(STALL_LIMIT + 1)
    flaky.renewals_fail = False
    assert await cluster.result(run, within=400) == "done"
    assert other.worker.holder.attempts == {}
    assert cluster.taken == ["run"]
    assert simulated.worker.worker_id != old
    assert cluster.done == ["began", "cut off", "began", "ended"]
    assert old not in [worker.worker_id for worker in await cluster.store.workers.list()]
    assert deaths(await cluster.record()) == 0  # the step that ended was progress


def stands_still(cluster: Cluster) -> Workflow[..., None]:
    """A workflow with a step during which the machine stands still for the length of a lease, and another step."""

    async def flow(ctx: perdure.Context) -> None:
        async def first() -> None:
            cluster.clock.time.micros += int(LEASE_FOR * 1e6)  # with everything on it

        async def second() -> None:
            cluster.done.append(f"second under token {ctx.token}")

        await ctx.step("first", first)
        await ctx.step("second", second)

    return cluster.workflow(flow)


async def test_no_effect_is_started_between_the_end_of_the_lease_and_its_next_renewal(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)
    flaky.renewals_fail = True
    await cluster.client.start(stands_still(cluster), run_id="run")
    await cluster.start_worker(store=flaky)
    await cluster.clock.advance(10)
    assert cluster.done == []
    flaky.renewals_fail = False
    await cluster.clock.advance(10)
    assert cluster.done == ["second under token 1"]


async def test_no_effect_is_started_after_the_lease_was_taken(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)
    flaky.renewals_fail = True
    await cluster.client.start(stands_still(cluster), run_id="run")
    await cluster.start_worker(store=flaky)
    await cluster.start_worker()
    await cluster.clock.advance(STALL_LIMIT + 1)
    flaky.renewals_fail = False
    await cluster.clock.advance(LEASE_FOR)
    assert [line.rpartition(" ")[0] for line in cluster.done] == ["second under token"]
    assert cluster.done[0] != "second under token 1"
    assert (cluster.taken, await cluster.status()) == (["run"], "completed")


async def test_a_loser_writes_nothing_not_even_a_failure(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        token = ctx.token

        async def work() -> str:
            cluster.done.append(f"began {token}")
            try:
                await cluster.sleep(40)
            except asyncio.CancelledError:
                raise ValueError("my own failure") from None
            return f"by {token}"

        return await ctx.step("work", work)

    run = await cluster.start(flow)
    loser = Flaky(cluster.store)
    stall_limit = LEASE_FOR  # so that its lease ends with its stall limit, on each store
    await cluster.start_worker(store=loser, stall_limit=stall_limit)
    await cluster.clock.advance(1)
    loser.renewals_fail = loser.commits_fail = True
    await cluster.start_worker()
    await cluster.clock.advance(stall_limit + 1)
    loser.commits_fail = False
    assert len(cluster.done) == 2
    token = (await cluster.record()).token
    assert await cluster.result(run) == f"by {token}"
    assert (await cluster.step("0")).failure is None


async def test_a_commit_is_tried_again_while_the_lease_lasts_and_the_effect_is_not(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)

    async def flow(ctx: perdure.Context) -> str:
        async def work() -> str:
            cluster.done.append("worked")
            flaky.commits_fail = True
            return "done"

        return await ctx.step("work", work)

    run = await cluster.start(flow)
    await cluster.start_worker(store=flaky)
    await cluster.clock.advance(15)
    assert await cluster.steps() == {}
    flaky.commits_fail = False
    assert await cluster.result(run) == "done"
    assert cluster.done == ["worked"]
    assert (await cluster.record()).token == 1


async def test_claiming_goes_on_when_the_store_can_be_reached_again(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)
    await cluster.start_worker(store=flaky)
    flaky.commits_fail = True
    run = await cluster.client.start(takes(cluster, 1), run_id="run")
    await cluster.clock.advance(5)
    assert await cluster.status() == "queued"
    flaky.commits_fail = False
    assert await cluster.result(run) == "done"


async def test_a_loop_that_stands_still_for_too_long_is_not_renewed(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    flaky = Flaky(cluster.store)
    simulated = await cluster.start_worker(store=flaky, stall_limit=15.0)
    (before,) = await cluster.store.workers.list()
    simulated.worker.holder.tick.stop()
    await cluster.clock.advance(10.5)
    beats = flaky.renewals
    assert beats == 1
    await cluster.clock.advance(15)
    assert flaky.renewals == beats
    assert "has not run" in caplog.text
    (row,) = await cluster.store.workers.list()
    assert row.lease_until <= before.lease_until + 10.1


async def test_the_heartbeat_is_a_thread_so_a_busy_loop_loses_no_lease(cluster: Cluster) -> None:
    flaky = Flaky(cluster.store)
    await cluster.start_worker(store=flaky)
    clock = cluster.clock
    clock.time.micros += 10_000_001
    clock.time.fire_due()
    give_up_at = time.monotonic() + 10
    while flaky.renewed == 0 and time.monotonic() < give_up_at:
        time.sleep(0.001)  # noqa: ASYNC251 - the loop does not run: that is the test
    assert flaky.renewed == 1
    (row,) = await cluster.store.workers.list()
    assert row.lease_until == clock.lease_now() + LEASE_FOR


# Takeovers.


class LosesOneClaim(WrappedStore):
    """The answer to the first claim of something is lost on its way."""

    lost = False

    def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        if self.lost or not isinstance(operations[0], Claim):
            return commit()
        return self._lose(commit)

    async def _lose(self, commit: Callable[[], Awaitable[Any]]) -> Any:
        landed = await commit()
        if landed:
            self.lost = True
            raise StoreUnavailable("the connection was lost", unknown=True)
        return landed


async def test_a_run_that_its_worker_does_not_know_of_is_released_and_executed(cluster: Cluster) -> None:
    run = await cluster.client.start(takes(cluster, 1), run_id="run")
    loses = LosesOneClaim(cluster.store)
    await cluster.start_worker(store=loses)
    await cluster.clock.settle()
    record = await cluster.record()
    assert (loses.lost, record.status, cluster.done) == (True, "running", [])
    assert await cluster.result(run) == "done"
    assert cluster.taken == []


async def test_the_first_renewal_after_a_claim_is_no_reason_to_release_it(cluster: Cluster) -> None:
    run = await cluster.client.start(takes(cluster, 100), run_id="run")
    await cluster.start_worker(lease_for=3.0)
    assert await cluster.result(run, within=120) == "done"
    assert (await cluster.record()).token == 1
    assert cluster.done == ["began", "ended"]


async def test_a_worker_that_dies_with_many_runs_loses_none_of_them(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [await cluster.client.start(takes(cluster, 2), run_id=f"{number}") for number in range(20)]
    await cluster.start_worker()
    await cluster.clock.advance(1)
    with caplog.at_level(logging.WARNING, "perdure.worker"):
        await cluster.restart()
    assert "; 20 runs (" in caplog.text
    assert [await cluster.result(run) for run in runs] == ["done"] * 20


async def test_a_step_shows_as_running_after_a_tenth_of_a_second_and_not_before(cluster: Cluster) -> None:
    puts: list[str] = []

    class Seen(WrappedStore):
        def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
            puts.extend(one.step.status for one in operations if isinstance(one, PutStep))
            return commit()

    await cluster.client.start(takes(cluster, 5), run_id="run")
    await cluster.start_worker(store=Seen(cluster.store))
    await cluster.clock.advance(0.05)
    assert puts == []
    await cluster.clock.advance(0.3)
    assert puts == ["running"]
    await cluster.clock.advance(10)
    assert puts == ["running", "completed"]


async def test_two_processes_may_not_be_one_worker(sqlite: Cluster) -> None:
    """A second process with the id of one that lives is refused at once; nobody waits for anybody's lock."""
    first = await sqlite.start_worker(worker_id="ana")
    other = await sqlite.another_store()
    worker = perdure.Worker(other, sqlite.workflows, clock=sqlite.clock, worker_id="ana")
    with pytest.raises(SettingInvalid, match="ana"):
        async with asyncio.timeout(10):
            await worker.start()
    await sqlite.clock.until(first.worker.stop())
    await worker.start()
    assert [row.worker_id for row in await sqlite.store.workers.list()] == ["ana"]
    await sqlite.clock.until(worker.stop())

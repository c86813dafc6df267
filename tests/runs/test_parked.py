"""A run whose code and journal disagree waits: for code that agrees, or for a person who gives it up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import perdure
from perdure.core.operations import Claim, Operation
from perdure.core.records import Lease
from perdure.errors import RunFailed, RunStateWrong, StoreUnavailable
from perdure.runs import parked
from perdure.runs.handles import Run
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import Cluster
from tests.runs.diverging import assert_diverged, changed, one_step, value


async def effect_then_go(cluster: Cluster, ctx: perdure.Context) -> int:
    async def effect() -> int:
        cluster.done.append("effect")
        return 5

    result = await ctx.step("a", effect)
    await ctx.await_event("go")
    return result


async def other_step(ctx: perdure.Context) -> int:
    return await ctx.step("b", value)


async def test_a_diverged_run_goes_on_in_a_worker_whose_code_agrees(cluster: Cluster) -> None:
    async def right(ctx: perdure.Context) -> int:
        return await effect_then_go(cluster, ctx)

    assert_diverged(await changed(cluster, right, other_step), "0")
    cluster.workflow(right, name="flow")
    await cluster.kill()
    await cluster.start_worker()
    run = cluster.client.run("run")
    assert await cluster.result(run) == 5
    record = await run.record()
    assert (record.failure, cluster.done) == (None, ["effect"])


async def test_a_worker_tries_a_parked_run_once_and_each_new_worker_once_more(cluster: Cluster) -> None:
    parked = await changed(cluster, one_step, other_step)
    await cluster.clock.advance(60)
    assert await cluster.record() == parked
    await cluster.start_worker()
    await cluster.clock.advance(60)
    again = await cluster.record()
    assert_diverged(again, "0", "'a'", "'b'")
    assert again.token == parked.token + 1


async def test_a_parked_run_is_not_restarted_since_it_has_not_failed(cluster: Cluster) -> None:
    parked = await changed(cluster, one_step, other_step)
    with pytest.raises(RunStateWrong, match="only a failed run"):
        await cluster.client.run("run").restart()
    assert await cluster.record() == parked


async def test_a_parked_run_can_be_cancelled(cluster: Cluster) -> None:
    assert_diverged(await changed(cluster, one_step, other_step), "0")
    record = await cluster.clock.until(cluster.client.run("run").cancel("not needed"))
    assert (record.status, record.cancel_reason) == ("cancelled", "not needed")


async def test_who_gives_a_parked_run_up_ends_it_and_who_waits_for_it_is_told_why(cluster: Cluster) -> None:
    assert_diverged(await changed(cluster, one_step, other_step), "0")
    run = cluster.client.run("run")
    waiting = asyncio.ensure_future(run.result())
    await cluster.clock.advance(1)
    assert not waiting.done()
    given_up = await run.fail()
    assert (given_up.status, given_up.is_parked) == ("failed", False)
    with pytest.raises(RunFailed, match="diverged") as failed:
        await cluster.clock.until(waiting)
    assert failed.value.cause_type == "Divergence"
    assert failed.value.reason == "diverged"
    assert await run.fail() == given_up


async def test_the_reason_for_which_a_parked_run_is_given_up_is_told_with_why_it_was_parked(cluster: Cluster) -> None:
    assert_diverged(await changed(cluster, one_step, other_step), "0")
    parked = (await cluster.record()).failure
    given_up = await cluster.client.run("run").fail("the old code is gone")
    assert parked is not None
    assert given_up.failure is not None
    assert given_up.failure.message == f"the old code is gone: {parked.message}"
    assert (given_up.failure.cause_type, given_up.failure.reason) == ("Divergence", "diverged")


async def test_the_reason_for_which_a_queued_run_is_given_up_is_its_failure(cluster: Cluster) -> None:
    run = await cluster.start(one_step)
    given_up = await run.fail("not needed")
    assert given_up.failure is not None
    assert (given_up.failure.message, given_up.failure.reason) == ("not needed", "given_up")


async def test_a_run_that_was_given_up_can_be_restarted_with_code_that_agrees(cluster: Cluster) -> None:
    async def right(ctx: perdure.Context) -> int:
        return await effect_then_go(cluster, ctx)

    assert_diverged(await changed(cluster, right, other_step), "0")
    run = cluster.client.run("run")
    await run.fail()
    cluster.workflow(right, name="flow")
    await run.restart()
    assert await cluster.result(run) == 5
    assert cluster.done == ["effect"]


async def test_a_run_that_a_worker_has_is_not_given_up(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("hangs", asyncio.Event().wait)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    with pytest.raises(RunStateWrong):
        await run.fail()
    assert await cluster.status() == "running"


class Work:
    """A workflow in two versions, of which the second does not agree; how many of its runs are at work, at most."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.now = self.most = 0
        self.done: list[str] = []

    def declare(self, step: str, *, but_of: str = "", another: str = "") -> perdure.Workflow[..., str]:
        """Shape: the first step is `step`, but `another` for the run `but_of`."""

        async def flow(ctx: perdure.Context) -> str:
            await ctx.step(another if ctx.run_id == but_of else step, value)
            await ctx.await_event("go")
            return await ctx.step("work", self._work, ctx.run_id)

        return self._cluster.workflow(flow, queue="slow")

    async def park(self, *run_ids: str, alone: bool = False) -> list[Run[Any]]:
        """Runs that code which does not agree has parked; `alone`: no other run agrees with any code meanwhile."""
        flow = self.declare("new", but_of=run_ids[0], another="old") if alone else self.declare("old")
        runs = [await self._cluster.client.start(flow, run_id=run_id) for run_id in run_ids]
        await self._cluster.start_worker(queues={"slow": None})
        await self._cluster.clock.advance(2)
        await self._cluster.kill()
        self.declare("new")
        for run in runs:
            await run.emit_event("go")
        await self._cluster.start_worker(queues={"slow": None})
        await self._cluster.clock.advance(2)
        await self._cluster.kill()
        assert all([(await run.record()).is_parked for run in runs])
        return runs

    async def _work(self, run_id: str) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        await self._cluster.sleep(1)
        self.now -= 1
        self.done.append(run_id)
        return run_id


async def test_a_parked_run_is_tried_by_workers_of_its_queue_only(cluster: Cluster) -> None:
    work = Work(cluster)
    [run] = await work.park("run")
    work.declare("old")
    await cluster.start_worker(queues={"default": None})
    await cluster.clock.advance(60)
    assert (await run.record()).is_parked
    await cluster.start_worker(queues={"slow": None})
    assert await cluster.result(run) == "run"


async def test_parked_runs_go_on_within_the_limit_of_their_queue(cluster: Cluster) -> None:
    work = Work(cluster)
    runs = await work.park("a", "b", "c", "d")
    work.declare("old")
    await cluster.start_worker(queues={"slow": 1})
    for run in runs:
        assert await cluster.result(run, within=60) == run.id
    assert (work.most, sorted(work.done)) == (1, ["a", "b", "c", "d"])


class FailsClaims(WrappedStore):
    """A store whose first claims of parked runs fail: before they land, or once they have."""

    def __init__(self, inner: Any, *, landed: bool) -> None:
        super().__init__(inner)
        self.landed = landed
        self.left = 2

    def around_commit(
        self, operations: tuple[Operation, ...], lease: Lease | None, commit: Callable[[], Awaitable[Any]]
    ) -> Awaitable[Any]:
        if isinstance(operations[0], Claim) and operations[0].parked and self.left:
            self.left -= 1
            return asyncio.ensure_future(self._fail(commit))
        return super().around_commit(operations, lease, commit)

    async def _fail(self, commit: Callable[[], Awaitable[Any]]) -> Any:
        if self.landed:
            await commit()
        raise StoreUnavailable("the store is away", unknown=self.landed)


@pytest.mark.parametrize("landed", [False, True])
async def test_a_parked_run_is_tried_again_where_the_claim_of_it_failed(cluster: Cluster, landed: bool) -> None:
    work = Work(cluster)
    [run] = await work.park("run")
    work.declare("old")
    store = FailsClaims(cluster.store, landed=landed)
    await cluster.start_worker(queues={"slow": None}, store=store)
    assert await cluster.result(run, within=60) == "run"
    assert (store.left, work.done) == (1 if landed else 0, ["run"])


async def test_runs_that_stay_parked_hide_none_that_was_parked_after_them(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "PAGE", 3)
    work = Work(cluster)
    stay = await work.park(*(f"stays-{number}" for number in range(10)))
    await cluster.clock.advance(1)
    [goes] = await work.park("goes", alone=True)

    work.declare("new", but_of="goes", another="old")
    await cluster.start_worker(queues={"slow": None})
    assert await cluster.result(goes) == "goes"
    assert all([(await run.record()).is_parked for run in stay])


async def test_a_worker_that_has_tried_every_parked_run_looks_for_more_at_news_only(cluster: Cluster) -> None:
    looks = list[str]()

    class NotesLooks(WrappedStore):
        async def around_read(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
            looks.append(name)
            return await read()

    work = Work(cluster)
    await work.park("first")
    await cluster.start_worker(queues={"slow": None}, store=NotesLooks(cluster.store))
    await cluster.clock.advance(60)
    before = looks.count("runs.parked")
    await cluster.clock.advance(600)
    assert (looks.count("runs.parked"), before > 0) == (before, True)
    work.declare("old")
    [later] = await asyncio.gather(*(cluster.client.start(work.declare("old"), run_id=one) for one in ("later",)))
    await later.emit_event("go")
    assert await cluster.result(later) == "later"
    assert looks.count("runs.parked") > before

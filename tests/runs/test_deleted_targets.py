"""What a run has done to another run stays done, and is told as it was, when that run was deleted since."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import perdure
from perdure.core.operations import DeleteRun, RegisterWorker, SealRun, TakeRun
from perdure.stores.port import Store
from perdure.testing.clock import FakeClock
from perdure.testing.faulty import Fault, FaultyStore
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import Cluster


class LosesOne(FaultyStore):
    """A store that loses the answer of one commit, and then can't be reached by commits like it for a while."""

    def __init__(self, inner: Store, commit: str) -> None:
        self.commit_name = commit
        self.is_back = self.has_lost = False
        super().__init__(inner, self._next)

    def _next(self, name: str) -> Fault | None:
        if name != f"commit {self.commit_name}" or self.is_back:
            return None
        self.has_lost, lost = True, self.has_lost
        return "refused" if lost else "lost_after"


async def waits(ctx: perdure.Context) -> object:
    return await ctx.await_event("go")


async def emits(ctx: perdure.Context) -> list[bool]:
    first = await ctx.emit_event("go", 1, run_id="other")
    await ctx.await_event("on")
    return [first]


async def deleted(cluster: Cluster, run_id: str) -> None:
    run = cluster.client.run(run_id)
    await run.cancel()
    await run.delete()


@pytest.mark.parametrize("is_first", [True, False])
async def test_an_emit_whose_answer_was_lost_is_answered_when_its_target_is_gone(
    cluster: Cluster, is_first: bool
) -> None:
    other = await cluster.start(waits, run_id="other")
    if not is_first:
        await other.emit_event("go", 0)
    run = await cluster.start(emits)
    losing = LosesOne(cluster.store, "Emit")
    await cluster.start_worker(store=losing)
    await cluster.clock.settle()
    assert losing.has_lost
    await deleted(cluster, "other")
    losing.is_back = True
    await run.emit_event("on")
    assert await cluster.result(run) == [is_first]


@pytest.mark.parametrize("is_first", [True, False])
async def test_an_emit_is_replayed_as_it_was_when_its_target_is_gone(cluster: Cluster, is_first: bool) -> None:
    other = await cluster.start(waits, run_id="other")
    if not is_first:
        await other.emit_event("go", 0)
    run = await cluster.start(emits)
    await cluster.start_worker()
    await cluster.clock.settle()
    await deleted(cluster, "other")
    await cluster.restart()
    await run.emit_event("on")
    assert await cluster.result(run) == [is_first]


async def test_a_child_whose_start_was_not_answered_is_waited_for_when_it_is_gone(cluster: Cluster) -> None:
    async def child(ctx: perdure.Context) -> int:
        return 7

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> int:
        return await (await ctx.start(declared)).result()

    run = await cluster.start(flow)
    losing = LosesOne(cluster.store, "PutStep CreateRun")
    await cluster.start_worker(store=losing)
    assert await cluster.result(cluster.client.run("run/0")) == 7
    await deleted(cluster, "run/0")
    losing.is_back = True
    assert await cluster.result(run) == 7


class DeletesOverdue(WrappedStore):
    """A store in which the first run of the overdue ones is sealed and deleted by another worker when it was listed."""

    def __init__(self, inner: Store, clock: FakeClock) -> None:
        super().__init__(inner)
        self.clock = clock
        self.deleted: str | None = None

    async def around_read(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        found = await read()
        if name == "runs.overdue" and found and self.deleted is None:
            run_id: str = found[0][1]
            self.deleted, at = run_id, self.clock.now()
            await self.inner.execute(SealRun(tenant=None, run_id=run_id, at=at))
            await self.inner.execute(DeleteRun(tenant=None, run_id=run_id, at=at))
        return found


async def test_an_overdue_run_that_was_deleted_keeps_no_other_from_being_sealed(cluster: Cluster) -> None:
    own: Any = {"worker_id": "ana", "incarnation": "1"}
    await cluster.store.execute(RegisterWorker(lease_for=1e6, at=cluster.clock.now(), **own))
    for name in ("one", "two"):
        await cluster.start(waits, run_id=name)
        take = TakeRun(tenant=None, run_id=name, claim_id=name, at=cluster.clock.now(), **own)
        await cluster.store.execute(take)
        await cluster.ask_to_cancel(name)
    await cluster.clock.advance(6)
    deleting = DeletesOverdue(cluster.store, cluster.clock)
    await cluster.start_worker(store=deleting)
    (left,) = {"one", "two"} - {deleting.deleted}
    assert await cluster.status(left) == "cancelled"

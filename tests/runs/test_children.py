"""Child runs: started once, waited for like an event, cancelled with their parent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import perdure
from perdure.core.operations import CancelRun, CreateRun
from perdure.errors import ChildFailed, RunFailed
from perdure.testing.dying import die_here
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import Cluster


async def test_a_child_gives_its_result_with_its_type(cluster: Cluster) -> None:
    async def child(ctx: perdure.Context, numbers: tuple[int, int]) -> tuple[int, int]:
        first, second = numbers
        return (second, first)

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> Any:
        started = await ctx.start(declared, (1, 2))
        result = await started.result()
        return [type(result).__name__, *result, started.run_id]

    assert await cluster.run(flow) == ["tuple", 2, 1, "run/0"]
    record = await cluster.record("run/0")
    assert (record.parent_id, record.status, record.workflow) == ("run", "completed", "child")


async def test_a_parent_waits_for_its_child_at_no_cost(cluster: Cluster) -> None:
    async def child(ctx: perdure.Context) -> str:
        return await ctx.await_event("go")

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> str:
        return await (await ctx.start(declared)).result()

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    record = await cluster.record()
    assert (record.status, record.worker_id, record.waiting_for) == ("suspended", None, ("child:0",))
    await cluster.kill()
    await cluster.client.emit_event("run/0", "go", "gone")
    await cluster.start_worker()
    assert await cluster.result(run) == "gone"


async def test_a_child_is_started_once_however_often_its_parent_dies(cluster: Cluster) -> None:
    async def child(ctx: perdure.Context, number: int) -> int:
        async def work() -> int:
            cluster.done.append(f"child {number}")
            return number

        return await ctx.step("work", work)

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> list[int]:
        children = [await ctx.start(declared, number) for number in range(3)]

        async def dies() -> None:
            cluster.done.append("dies")
            if cluster.done.count("dies") < 3:
                await die_here()

        await ctx.step("dies", dies)
        return [await started.result() for started in children]

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.restart()
    await cluster.restart()
    assert await cluster.result(run) == [0, 1, 2]
    assert sorted(cluster.done) == ["child 0", "child 1", "child 2", "dies", "dies", "dies"]
    assert {record.run_id for record in await cluster.client.runs()} == {"run", "run/0", "run/1", "run/2"}


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_a_child_that_did_not_complete_is_a_typed_error_the_first_time_and_on_replay(
    cluster: Cluster, how: str
) -> None:
    async def child(ctx: perdure.Context) -> None:
        await ctx.await_event("go")
        raise ValueError("the child's reason")

    declared = cluster.workflow(child)
    told: list[str] = []

    async def flow(ctx: perdure.Context) -> None:
        try:
            await (await ctx.start(declared)).result()
        except ChildFailed as error:
            told.append(f"{error.run_id} {error.status} {error.cause_type} {error.message}")
        await ctx.await_event("go")

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    if how == "fails":
        await cluster.client.emit_event("run/0", "go")
    else:
        await cluster.client.run("run/0").cancel()
    await cluster.clock.advance(1)
    await cluster.kill()
    await run.emit_event("go")
    await cluster.start_worker()
    await cluster.result(run)
    assert told[0] == told[1]
    expected = "run/0 failed ValueError the child's reason" if how == "fails" else "run/0 cancelled Cancelled"
    assert told[0].startswith(expected)


async def test_an_unhandled_failure_of_a_child_fails_its_parent(cluster: Cluster) -> None:
    async def child(ctx: perdure.Context) -> None:
        raise ValueError("deep down")

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> None:
        await (await ctx.start(declared)).result()

    with pytest.raises(RunFailed, match="deep down") as failed:
        await cluster.run(flow)
    assert failed.value.cause_type == "ChildFailed"


async def test_children_are_cancelled_with_their_parent_and_theirs_too(cluster: Cluster) -> None:
    async def grandchild(ctx: perdure.Context) -> None:
        await ctx.step("hangs", asyncio.Event().wait)

    leaf = cluster.workflow(grandchild)

    async def child(ctx: perdure.Context) -> None:
        await (await ctx.start(leaf)).result()

    branch = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> None:
        await (await ctx.start(branch)).result()

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1)
    assert [await cluster.status(name) for name in ("run", "run/0", "run/0/0")] == ["suspended", "suspended", "running"]
    await cluster.clock.until(run.cancel("enough"))
    await cluster.clock.advance(1)
    records = [await cluster.record(name) for name in ("run", "run/0", "run/0/0")]
    assert [(record.status, record.cancel_reason) for record in records] == [("cancelled", "enough")] * 3


class CancelledFirst(WrappedStore):
    """Cancels the parent right before its child is made, as another process may."""

    def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        return self._after(operations[-1], commit) if isinstance(operations[-1], CreateRun) else commit()

    async def _after(self, create: CreateRun, commit: Callable[[], Awaitable[Any]]) -> Any:
        cancel = CancelRun(tenant=None, run_id="run", at=create.at, within=5.0, reason="from outside")
        await self.inner.execute(cancel)
        return await commit()


async def test_a_child_started_while_its_parent_was_being_cancelled_is_cancelled_too(cluster: Cluster) -> None:
    async def child(ctx: perdure.Context) -> None:
        await ctx.await_event("never")

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> None:
        await ctx.start(declared)
        await ctx.await_event("never")

    run = await cluster.start(flow)
    await cluster.start_worker(store=CancelledFirst(cluster.store))
    await cluster.clock.until(run.wait())
    await cluster.clock.advance(1)
    assert await cluster.status() == "cancelled"
    record = await cluster.record("run/0")
    assert (record.status, record.cancel_reason) == ("cancelled", "from outside")


async def test_a_child_of_a_run_with_a_long_id_has_an_id_that_fits(memory: Cluster) -> None:
    async def child(ctx: perdure.Context) -> int:
        return 1

    declared = memory.workflow(child)

    async def flow(ctx: perdure.Context) -> str:
        started = await ctx.start(declared)
        await started.result()
        return started.run_id

    run_id = "x" * 512
    assert len((await memory.run(flow, run_id=run_id)).encode()) <= 512


async def test_many_children_run_side_by_side(cluster: Cluster) -> None:
    async def child(ctx: perdure.Context, number: int) -> int:
        await ctx.sleep(5)
        return number

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> int:
        children = [await ctx.start(declared, number) for number in range(20)]
        return sum(await ctx.gather(*[started.result() for started in children]))

    assert await cluster.run(flow) == sum(range(20))
    assert cluster.clock.elapsed() == 5.0

"""Child runs: started once, waited for like an event, cancelled with their parent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import perdure
from perdure.errors import ChildFailed, RunFailed
from perdure.stores.port import CancelRun, CreateRun
from perdure.testing.dying import die_here
from perdure.testing.wrapped import WrappedStore
from tests.runs.stage import Stage


async def test_a_child_gives_its_result_with_its_type(stage: Stage) -> None:
    async def child(ctx: perdure.Context, numbers: tuple[int, int]) -> tuple[int, int]:
        first, second = numbers
        return (second, first)

    declared = stage.workflow(child)

    async def flow(ctx: perdure.Context) -> Any:
        started = await ctx.start(declared, (1, 2))
        result = await started.result()
        return [type(result).__name__, *result, started.run_id]

    assert await stage.run(flow) == ["tuple", 2, 1, "run/0"]
    record = await stage.record("run/0")
    assert (record.parent_id, record.status, record.workflow) == ("run", "completed", "child")


async def test_a_parent_waits_for_its_child_at_no_cost(stage: Stage) -> None:
    async def child(ctx: perdure.Context) -> str:
        return await ctx.await_event("go")

    declared = stage.workflow(child)

    async def flow(ctx: perdure.Context) -> str:
        return await (await ctx.start(declared)).result()

    run = await stage.start(flow)
    await stage.hand()
    await stage.clock.settle()
    record = await stage.record()
    assert (record.status, record.worker_id, record.waiting_for) == ("suspended", None, ("child:0",))
    await stage.kill()
    await stage.client.emit_event("run/0", "go", "gone")
    await stage.hand()
    assert await stage.result(run) == "gone"


async def test_a_child_is_started_once_however_often_its_parent_dies(stage: Stage) -> None:
    async def child(ctx: perdure.Context, number: int) -> int:
        async def work() -> int:
            stage.done.append(f"child {number}")
            return number

        return await ctx.step("work", work)

    declared = stage.workflow(child)

    async def flow(ctx: perdure.Context) -> list[int]:
        children = [await ctx.start(declared, number) for number in range(3)]

        async def dies() -> None:
            stage.done.append("dies")
            if stage.done.count("dies") < 3:
                await die_here()

        await ctx.step("dies", dies)
        return [await started.result() for started in children]

    run = await stage.start(flow)
    await stage.hand()
    await stage.clock.settle()
    await stage.restart()
    await stage.restart()
    assert await stage.result(run) == [0, 1, 2]
    assert sorted(stage.done) == ["child 0", "child 1", "child 2", "dies", "dies", "dies"]
    assert {record.run_id for record in await stage.client.runs()} == {"run", "run/0", "run/1", "run/2"}


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_a_child_that_did_not_complete_is_a_typed_error_the_first_time_and_on_replay(
    stage: Stage, how: str
) -> None:
    async def child(ctx: perdure.Context) -> None:
        await ctx.await_event("go")
        raise ValueError("the child's reason")

    declared = stage.workflow(child)
    told: list[str] = []

    async def flow(ctx: perdure.Context) -> None:
        try:
            await (await ctx.start(declared)).result()
        except ChildFailed as error:
            told.append(f"{error.run_id} {error.status} {error.cause_type} {error.message}")
        await ctx.await_event("go")

    run = await stage.start(flow)
    await stage.hand()
    await stage.clock.settle()
    if how == "fails":
        await stage.client.emit_event("run/0", "go")
    else:
        await stage.client.run("run/0").cancel()
    await stage.clock.advance(1)
    await stage.kill()
    await run.emit_event("go")
    await stage.hand()
    await stage.result(run)
    assert told[0] == told[1]
    expected = "run/0 failed ValueError the child's reason" if how == "fails" else "run/0 cancelled Cancelled"
    assert told[0].startswith(expected)


async def test_an_unhandled_failure_of_a_child_fails_its_parent(stage: Stage) -> None:
    async def child(ctx: perdure.Context) -> None:
        raise ValueError("deep down")

    declared = stage.workflow(child)

    async def flow(ctx: perdure.Context) -> None:
        await (await ctx.start(declared)).result()

    with pytest.raises(RunFailed, match="deep down") as failed:
        await stage.run(flow)
    assert failed.value.cause_type == "ChildFailed"


async def test_children_are_cancelled_with_their_parent_and_theirs_too(stage: Stage) -> None:
    async def grandchild(ctx: perdure.Context) -> None:
        await ctx.step("hangs", asyncio.Event().wait)

    leaf = stage.workflow(grandchild)

    async def child(ctx: perdure.Context) -> None:
        await (await ctx.start(leaf)).result()

    branch = stage.workflow(child)

    async def flow(ctx: perdure.Context) -> None:
        await (await ctx.start(branch)).result()

    run = await stage.start(flow)
    await stage.hand()
    await stage.clock.advance(1)
    assert [await stage.status(name) for name in ("run", "run/0", "run/0/0")] == ["suspended", "suspended", "running"]
    await stage.clock.until(run.cancel("enough"))
    await stage.clock.advance(1)
    records = [await stage.record(name) for name in ("run", "run/0", "run/0/0")]
    assert [(record.status, record.cancel_reason) for record in records] == [("cancelled", "enough")] * 3


class CancelledFirst(WrappedStore):
    """Cancels the parent right before its child is made, as another process may."""

    def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        return self._after(operations[-1], commit) if isinstance(operations[-1], CreateRun) else commit()

    async def _after(self, create: CreateRun, commit: Callable[[], Awaitable[Any]]) -> Any:
        by = create.at + timedelta(seconds=5)
        await self.inner.commit(CancelRun(run_id="run", at=create.at, cancel_by=by, reason="from outside"))
        return await commit()


async def test_a_child_started_while_its_parent_was_being_cancelled_is_cancelled_too(stage: Stage) -> None:
    async def child(ctx: perdure.Context) -> None:
        await ctx.await_event("never")

    declared = stage.workflow(child)

    async def flow(ctx: perdure.Context) -> None:
        await ctx.start(declared)
        await ctx.await_event("never")

    run = await stage.start(flow)
    await stage.hand(store=CancelledFirst(stage.store))
    await stage.clock.until(run.wait())
    await stage.clock.advance(1)
    assert await stage.status() == "cancelled"
    record = await stage.record("run/0")
    assert (record.status, record.cancel_reason) == ("cancelled", "from outside")


async def test_a_child_of_a_run_with_a_long_id_has_an_id_that_fits(memory: Stage) -> None:
    async def child(ctx: perdure.Context) -> int:
        return 1

    declared = memory.workflow(child)

    async def flow(ctx: perdure.Context) -> str:
        started = await ctx.start(declared)
        await started.result()
        return started.run_id

    run_id = "x" * 512
    assert len((await memory.run(flow, run_id=run_id)).encode()) <= 512


async def test_many_children_run_side_by_side(stage: Stage) -> None:
    async def child(ctx: perdure.Context, number: int) -> int:
        await ctx.sleep(5)
        return number

    declared = stage.workflow(child)

    async def flow(ctx: perdure.Context) -> int:
        children = [await ctx.start(declared, number) for number in range(20)]
        return sum(await ctx.gather(*[started.result() for started in children]))

    assert await stage.run(flow) == sum(range(20))
    assert stage.clock.elapsed() == 5.0

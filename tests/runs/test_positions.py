"""Positions: taken at the call, so that replay does not depend on what finishes first; and how they can be misused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import perdure
from perdure.errors import ForeignTask, PerdureError, StepAborted, StepAwaitedTwice, StepNotAwaited
from tests.runs.cluster import Cluster


async def one() -> int:
    return 1


async def test_each_call_takes_the_next_position_when_it_is_made(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        late = ctx.step("made first, awaited last", one)
        await ctx.step("made second", one)
        ctx.uuid()
        await ctx.now()
        await late

    await memory.run(flow)
    names = {position: step.name for position, step in (await memory.steps()).items()}
    assert names == {"0": "made first, awaited last", "1": "made second", "3": "now"}


async def test_functions_of_a_gather_are_branches_and_handles_keep_their_position(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        async def branch() -> int:
            await ctx.step("inner", one)
            inside = await ctx.gather(deeper, deeper)
            return sum(inside)

        async def deeper() -> int:
            return await ctx.step("deeper", one)

        handle = ctx.step("handle", one)
        results = await ctx.gather(branch, handle, branch)
        await ctx.step("after", one)
        return list(results)

    assert await memory.run(flow) == [2, 1, 2]
    assert list(await memory.steps()) == [
        "0",
        "1.0.0",
        "1.0.1.0.0",
        "1.0.1.1.0",
        "1.2.0",
        "1.2.1.0.0",
        "1.2.1.1.0",
        "2",
    ]


async def test_a_map_has_a_branch_for_each_item(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[int]:
        async def double(item: int) -> int:
            async def work() -> int:
                return item * 2

            return await ctx.step(f"double {item}", work)

        return await ctx.map(double, [3, 1, 2])

    assert await memory.run(flow) == [6, 2, 4]
    names = {position: step.name for position, step in (await memory.steps()).items()}
    assert names == {"0.0.0": "double 3", "0.1.0": "double 1", "0.2.0": "double 2"}


async def test_replay_does_not_depend_on_which_branch_was_first(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[str]:
        first_time = not cluster.done

        async def branch(name: str) -> str:
            async def work(part: str) -> str:
                cluster.done.append(f"{name}{part}")
                await cluster.sleep(1.0 if (name == "a") == first_time else 0.5)
                return f"{name}{part}"

            first = await ctx.step("work", work, "1")
            if not first_time:
                await cluster.sleep(0.2 if name == "a" else 0.1)
            return first + await ctx.step("work", work, "2")

        both = await ctx.map(branch, ["a", "b"])
        await ctx.await_event("go")
        return both

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1.2)
    await cluster.restart()
    await run.emit_event("go")
    assert await cluster.result(run) == ["a1a2", "b1b2"]
    assert {cluster.done.count(name) for name in ("a1", "b1")} == {1}


async def test_a_handle_may_be_awaited_in_another_branch_than_the_one_that_made_it(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        handle = ctx.step("handle", one)

        async def branch() -> int:
            return await handle

        return list(await ctx.gather(branch))

    assert await memory.run(flow) == [1]
    assert list(await memory.steps()) == ["0"]


# Misuse.

Misuse = Callable[[perdure.Context], Awaitable[Any]]


async def _create_task(ctx: perdure.Context) -> None:
    async def work() -> None:
        await ctx.step("x", one)

    await asyncio.create_task(work())


async def _create_task_of_a_handle(ctx: perdure.Context) -> None:
    handle = ctx.step("x", one)

    async def work() -> int:
        return await handle

    await asyncio.create_task(work())


async def _plain_gather(ctx: perdure.Context) -> None:
    await asyncio.gather(ctx.step("x", one), ctx.step("y", one))


async def _shield(ctx: perdure.Context) -> None:
    await asyncio.shield(ctx.step("x", one))


async def _task_group(ctx: perdure.Context) -> None:
    async def work() -> None:
        await ctx.step("x", one)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(work())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def _to_thread(ctx: perdure.Context) -> None:
    await asyncio.to_thread(ctx.step, "x", one)


async def _call_soon(ctx: perdure.Context) -> None:
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def work() -> None:
        try:
            ctx.uuid()
        except PerdureError as error:
            failed.set_exception(error)

    asyncio.get_running_loop().call_soon(work)
    await failed


@pytest.mark.parametrize(
    "misuse", [_create_task, _create_task_of_a_handle, _plain_gather, _shield, _task_group, _to_thread, _call_soon]
)
async def test_a_call_from_a_task_that_the_context_did_not_start_is_refused(memory: Cluster, misuse: Misuse) -> None:
    async def flow(ctx: perdure.Context) -> str:
        try:
            await misuse(ctx)
        except ForeignTask as error:
            memory.done.append(str(error))
            raise
        return "nothing was noticed"

    run = await memory.start(flow)
    await memory.start_worker()
    assert (await memory.clock.until(run.wait())).status == "failed"
    assert "ctx.gather" in memory.done[0]
    assert await memory.steps() == {}


async def test_wait_for_is_refused_or_cut_off_with_a_typed_error(memory: Cluster) -> None:
    async def slow() -> None:
        await asyncio.Event().wait()

    async def flow(ctx: perdure.Context) -> str:
        try:
            await asyncio.wait_for(ctx.step("x", slow), 0.01)
        except (ForeignTask, StepAborted) as error:  # before and since Python 3.12
            memory.done.append(type(error).__name__)
            raise
        return "nothing was noticed"

    run = await memory.start(flow)
    await memory.start_worker()
    async with asyncio.timeout(10):
        assert (await run.wait()).status == "failed"
    assert memory.done


async def test_a_step_cut_off_by_the_workflows_own_timeout_is_a_typed_error_that_says_what_to_do(
    memory: Cluster,
) -> None:
    async def slow() -> None:
        await asyncio.Event().wait()

    async def flow(ctx: perdure.Context) -> str:
        try:
            async with asyncio.timeout(0.01):
                await ctx.step("slow", slow)
        except StepAborted as error:
            return str(error)
        return "nothing was noticed"

    run = await memory.start(flow)
    await memory.start_worker()
    async with asyncio.timeout(10):
        assert "timeout=" in await run.result()
    assert (await memory.step("0")).status == "in_doubt"


@pytest.mark.parametrize("kind", ["event", "sleep", "gather"])
async def test_a_wait_cut_off_by_the_workflows_own_timeout_is_a_typed_error(memory: Cluster, kind: str) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def branch() -> None:
            await ctx.await_event("never", timeout=0.9)

        waits = {
            "event": lambda: ctx.await_event("never", timeout=0.9),
            "sleep": lambda: ctx.sleep(0.9),
            "gather": lambda: ctx.gather(branch, branch),
        }
        try:
            async with asyncio.timeout(0.01):
                await waits[kind]()
        except StepAborted:
            return "aborted"
        return "nothing was noticed"

    run = await memory.start(flow)
    await memory.start_worker()
    async with asyncio.timeout(10):
        assert await run.result() == "aborted"


async def _step_in_step(ctx: perdure.Context) -> None:
    async def outer() -> None:
        await ctx.step("inner", one)

    await ctx.step("outer", outer)


async def _step_in_a_synchronous_step(ctx: perdure.Context) -> None:
    def outer() -> None:
        ctx.step("inner", one)

    await ctx.step("outer", outer)


async def _handle_awaited_in_a_step(ctx: perdure.Context) -> None:
    handle = ctx.step("inner", one)

    async def outer() -> None:
        await handle

    await ctx.step("outer", outer)


@pytest.mark.parametrize("misuse", [_step_in_step, _step_in_a_synchronous_step, _handle_awaited_in_a_step])
async def test_a_call_of_the_context_inside_a_step_is_refused(memory: Cluster, misuse: Misuse) -> None:
    run = await memory.start(misuse)
    await memory.start_worker()
    record = await memory.clock.until(run.wait())
    assert record.status == "failed"
    assert record.failure is not None
    assert record.failure.cause_type in {"StepNested", "ForeignTask"}
    assert "inside a step" in record.failure.message or record.failure.cause_type == "ForeignTask"
    assert [step.name for step in (await memory.steps()).values() if step.name == "inner"] == []


async def test_a_handle_that_is_never_awaited_is_a_typed_error_that_names_it(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        await ctx.step("used", one)
        ctx.step("forgotten", one)
        ctx.sleep(5)
        return "done"

    run = await memory.start(flow)
    await memory.start_worker()
    record = await memory.clock.until(run.wait())
    assert record.failure is not None
    assert record.failure.code == StepNotAwaited.code
    assert "'forgotten' (1)" in record.failure.message
    assert "'sleep' (2)" in record.failure.message


async def test_a_handle_is_awaited_once(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        handle = ctx.step("twice", one)
        await handle
        try:
            await handle
        except StepAwaitedTwice as error:
            return str(error)
        return "nothing was noticed"

    assert "'twice' (0) is awaited a second time" in await memory.run(flow)


@pytest.mark.parametrize("item", ["a coroutine", "a value"])
async def test_what_can_not_be_gathered_is_refused_by_type_before_anything_runs(memory: Cluster, item: str) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def branch() -> int:
            return await ctx.step("branch", one)

        coroutine = branch()
        wrong: Any = coroutine if item == "a coroutine" else 7
        try:
            await ctx.gather(branch, wrong)
        except PerdureError as error:
            return str(error)
        finally:
            coroutine.close()
        return "nothing was noticed"

    assert "gather" in await memory.run(flow)
    assert await memory.steps() == {}


async def test_a_workflow_that_keeps_its_context_can_not_use_it_after_its_end(memory: Cluster) -> None:
    kept: list[perdure.Context] = []

    async def flow(ctx: perdure.Context) -> None:
        kept.append(ctx)

    await memory.run(flow)
    with pytest.raises(ForeignTask):
        kept[0].step("too late", one)

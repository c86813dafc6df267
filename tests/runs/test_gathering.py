"""gather and map: side by side, settled every one, the failure at the lowest position raised."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import perdure
from perdure import Retry
from perdure.errors import RunFailed, SettingInvalid, StepFailed
from tests.runs.cluster import Cluster


async def test_results_come_in_order_whatever_ends_first(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[int]:
        async def work(number: int) -> int:
            await memory.sleep(float(5 - number))
            memory.done.append(str(number))
            return number

        return await ctx.gather(*[ctx.step("work", work, number) for number in range(5)])

    assert await memory.run(flow) == [0, 1, 2, 3, 4]
    assert memory.done == ["4", "3", "2", "1", "0"]
    assert memory.clock.elapsed() == 5.0


@pytest.mark.parametrize("shape", ["gather", "map"])
async def test_of_nothing_there_is_nothing(memory: Cluster, shape: str) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        async def work(item: int) -> int:
            return item

        return await (ctx.gather() if shape == "gather" else ctx.map(work, []))

    assert await memory.run(flow) == []


async def test_every_branch_settles_before_the_failure_at_the_lowest_position_is_raised(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def work(number: int) -> int:
            await cluster.sleep(float(5 - number))
            cluster.done.append(str(number))
            if number in {1, 3}:
                raise ValueError(f"number {number}")
            return number

        try:
            await ctx.gather(*[ctx.step("work", work, number) for number in range(5)])
        except StepFailed as error:
            return f"{error.message} after {len(cluster.done)}"
        return "nothing was raised"

    assert await cluster.run(flow) == "number 1 after 5"
    assert [step.status for step in (await cluster.steps()).values()] == [
        "completed",
        "failed",
        "completed",
        "failed",
        "completed",
    ]


async def test_what_had_committed_before_a_sibling_failed_is_not_run_again_by_a_restart(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[int]:
        async def work(number: int) -> int:
            cluster.done.append(str(number))
            if number == 1 and cluster.done.count("1") == 1:
                raise ValueError
            return number

        return await ctx.gather(*[ctx.step("work", work, number) for number in range(3)])

    run = await cluster.start(flow)
    await cluster.start_worker()
    with pytest.raises(RunFailed):
        await cluster.result(run)
    await run.restart()
    assert await cluster.result(run) == [0, 1, 2]
    assert cluster.done == ["0", "1", "2", "1"]


async def test_all_that_failed_in_a_gather_is_tried_again_by_a_restart(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[int]:
        async def branch(number: int) -> int:
            async def work() -> int:
                cluster.done.append(str(number))
                if number % 2 and cluster.done.count(str(number)) == 1:
                    raise ValueError
                return number

            return await ctx.step("work", work)

        return await ctx.map(branch, range(4))

    run = await cluster.start(flow)
    await cluster.start_worker()
    with pytest.raises(RunFailed):
        await cluster.result(run)
    await run.restart()
    assert await cluster.result(run) == [0, 1, 2, 3]
    assert cluster.done == ["0", "1", "2", "3", "1", "3"]


async def test_an_error_of_a_branch_itself_is_raised_as_it_is(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def good() -> int:
            return 1

        async def bad() -> int:
            raise KeyError("mine")

        try:
            await ctx.gather(good, bad)
        except KeyError as error:
            return str(error)
        return "nothing was raised"

    assert await memory.run(flow) == "'mine'"


async def test_a_branch_that_fails_is_no_hurry_for_the_others_that_retry(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def fails() -> None:
            raise ValueError

        async def flaky() -> None:
            memory.done.append("tried")
            if len(memory.done) < 3:
                raise ValueError

        await ctx.gather(ctx.step("fails", fails), ctx.step("flaky", flaky, retry=Retry(attempts=5, initial=5)))

    with pytest.raises(RunFailed):
        await memory.run(flow, within=100)
    assert (await memory.step("1")).status == "completed"


@pytest.mark.parametrize("limit", [1, 3, None])
async def test_a_map_runs_at_most_so_many_at_once(memory: Cluster, limit: int | None) -> None:
    running, most = [0], [0]

    async def flow(ctx: perdure.Context) -> list[int]:
        async def branch(number: int) -> int:
            async def work() -> int:
                running[0] += 1
                most[0] = max(most[0], running[0])
                await memory.sleep(1.0)
                running[0] -= 1
                return number

            return await ctx.step("work", work)

        return await ctx.map(branch, range(9), limit=limit)

    assert await memory.run(flow) == list(range(9))
    assert most == [limit or 9]


async def test_a_map_with_a_limit_goes_on_after_a_death(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[int]:
        async def branch(number: int) -> int:
            async def work() -> int:
                cluster.done.append(str(number))
                await cluster.sleep(1.0)
                return number

            return await ctx.step("work", work)

        return await ctx.map(branch, range(6), limit=2)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(1.5)
    await cluster.restart()
    assert await cluster.result(run) == list(range(6))
    assert {number: cluster.done.count(number) for number in "012345"} == {
        "0": 1,
        "1": 1,
        "2": 2,
        "3": 2,
        "4": 1,
        "5": 1,
    }


async def test_a_map_that_waits_in_each_branch_suspends_as_one_and_is_woken_one_by_one(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[str]:
        async def branch(name: str) -> str:
            return await ctx.await_event(name, as_=str)

        return await ctx.map(branch, ["a", "b", "c"], limit=2)

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    assert (await cluster.record()).waiting_for == ("event:a", "event:b")
    await run.emit_event("c", "C")
    await run.emit_event("b", "B")
    await cluster.clock.settle()
    assert (await cluster.record()).waiting_for == ("event:a",)
    await run.emit_event("a", "A")
    assert await cluster.result(run) == ["A", "B", "C"]


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_that_makes_no_sense_is_refused(memory: Cluster, limit: int) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def branch(item: int) -> int:
            return item

        try:
            await ctx.map(branch, [1], limit=limit)
        except SettingInvalid as error:
            return str(error)
        return "nothing was noticed"

    assert "limit" in await memory.run(flow)


async def test_a_branch_that_cancels_itself_is_a_failure_and_hangs_nobody(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def cancels() -> None:
            raise asyncio.CancelledError

        async def good() -> int:
            return 1

        try:
            await ctx.gather(good, cancels)
        except asyncio.CancelledError:
            return "cancelled"
        return "nothing was raised"

    assert await memory.run(flow) == "cancelled"


async def test_what_a_cut_off_gather_leaves_behind_does_not_keep_the_worker_from_stopping(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def stubborn() -> None:
            for key in ("one", "two", "three"):
                try:
                    await ctx.await_event(key, timeout=0.9)
                except Exception:
                    memory.done.append(key)

        try:
            async with asyncio.timeout(0.01):
                await ctx.gather(stubborn)
        except perdure.PerdureError:
            return "went on"
        return "nothing was noticed"

    run = await memory.start(flow)
    simulated = await memory.start_worker()
    async with asyncio.timeout(10):
        assert await run.result() == "went on"
    await memory.clock.until(simulated.worker.stop())


async def test_ten_thousand_branches_are_no_more_than_ten_thousand_times_one(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> int:
        async def branch(number: int) -> int:
            return number

        return sum(await ctx.map(branch, range(10_000)))

    assert await memory.run(flow) == sum(range(10_000))

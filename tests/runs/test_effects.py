"""What a step's function is handed, so that an outside service can refuse what it has seen, and who is stale."""

from __future__ import annotations

import threading
import time

import pytest

import perdure
from perdure import Retry, current_step
from perdure.testing.dying import die_here
from tests.runs.cluster import Cluster


def what_it_is_told(cluster: Cluster) -> None:
    step = current_step()
    assert step is not None
    cluster.done.append(f"{step.run_id} {step.position} {step.attempt} {step.token} {step.idempotency_key}")


async def test_the_idempotency_key_is_the_same_for_each_attempt_retry_and_takeover(cluster: Cluster) -> None:
    async def pay() -> str:
        what_it_is_told(cluster)
        if len(cluster.done) == 1:
            raise ValueError
        if len(cluster.done) == 2:
            await cluster.sleep(0.5)
            await die_here()
        return "paid"

    async def flow(ctx: perdure.Context) -> str:
        return await ctx.step("pay", pay, retry=Retry(attempts=5, initial=0.1, jitter=False))

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(2)
    await cluster.restart()
    assert await cluster.result(run) == "paid"
    said = [line.split() for line in cluster.done]
    assert [line[:4] for line in said] == [["run", "0", "1", "1"], ["run", "0", "2", "1"], ["run", "0", "3", "3"]]
    assert len({line[4] for line in said}) == 1


async def test_the_key_is_another_one_at_another_position_and_in_another_run_or_tenant(memory: Cluster) -> None:
    async def pay() -> None:
        step = current_step()
        assert step is not None
        memory.done.append(step.idempotency_key)

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("pay", pay)
        await ctx.step("pay", pay)

    await memory.run(flow)
    await memory.run(flow, run_id="other")
    await memory.run(flow, run_id="a third", tenant="acme")
    assert len(set(memory.done)) == 6


async def test_the_key_does_not_depend_on_the_store(cluster: Cluster) -> None:
    async def pay() -> None:
        step = current_step()
        assert step is not None
        cluster.done.append(step.idempotency_key)

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("pay", pay)

    await cluster.run(flow, run_id="order:7")
    assert cluster.done == ["166834ed683112b5b1ed2e18178f45412a7f9df1"]


async def test_the_token_grows_with_each_takeover_and_is_handed_to_effects(cluster: Cluster) -> None:
    async def work() -> None:
        what_it_is_told(cluster)
        if len(cluster.done) < 3:
            await die_here()

    async def flow(ctx: perdure.Context) -> int:
        await ctx.step("work", work)
        return ctx.token

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.restart()
    await cluster.restart()
    token = await cluster.result(run)
    tokens = [int(line.split()[3]) for line in cluster.done]
    assert tokens == sorted(set(tokens))
    assert tokens[-1] == token


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_outside_a_step_there_is_no_current_step(memory: Cluster, kind: str) -> None:
    def sync() -> bool:
        return current_step() is not None

    async def asynchronous() -> bool:
        return current_step() is not None

    async def flow(ctx: perdure.Context) -> list[bool]:
        inside = await (ctx.step("work", sync) if kind == "sync" else ctx.step("work", asynchronous))
        return [current_step() is not None, inside]

    assert current_step() is None
    assert await memory.run(flow) == [False, True]


async def test_a_synchronous_function_runs_in_a_thread_and_blocks_nobody(memory: Cluster) -> None:
    ready, may_end = threading.Event(), threading.Event()

    def blocks() -> str:
        ready.set()
        may_end.wait(30)
        return threading.current_thread().name

    async def flow(ctx: perdure.Context) -> list[str]:
        async def other() -> str:
            may_end.set()
            return "meanwhile"

        return list(await ctx.gather(ctx.step("blocks", blocks), ctx.step("other", other)))

    name, other = await memory.run(flow)
    assert ready.is_set()
    assert other == "meanwhile"
    assert name != threading.main_thread().name


async def test_steps_that_wait_in_threads_wait_their_turn_when_the_pool_is_full(memory: Cluster) -> None:
    def work(number: int) -> int:
        time.sleep(0.001)
        return number

    async def flow(ctx: perdure.Context) -> list[int]:
        return await ctx.gather(*[ctx.step("work", work, number) for number in range(200)])

    assert await memory.run(flow) == list(range(200))

"""A run whose code and journal disagree waits: for code that agrees, or for a person who gives it up."""

from __future__ import annotations

import asyncio

import pytest

import perdure
from perdure.errors import RunFailed, RunStateWrong
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

"""The code and the journal must agree; where they do not, nothing more is executed and the run says so with both."""

from __future__ import annotations

import asyncio

import pytest

import perdure
from perdure import Retry
from perdure.testing.dying import die_here
from tests.runs.cluster import Cluster
from tests.runs.diverging import Flow, assert_diverged, changed, one_step, value


async def test_another_name_at_a_committed_position(cluster: Cluster) -> None:
    async def after(ctx: perdure.Context) -> None:
        await ctx.step("b", value)
        await ctx.await_event("go")

    record = await changed(cluster, one_step, after)
    assert_diverged(record, "0", "logic 'a'", "logic 'b'")


async def test_another_kind_at_a_committed_position(cluster: Cluster) -> None:
    async def after(ctx: perdure.Context) -> None:
        await ctx.step("a", value, kind="llm")
        await ctx.await_event("go")

    assert_diverged(await changed(cluster, one_step, after), "0", "logic 'a'", "llm 'a'")


@pytest.mark.parametrize("call", ["sleep", "event", "emit", "now", "child", "uuid", "random"])
async def test_another_call_at_a_committed_position(cluster: Cluster, call: str) -> None:
    async def child(ctx: perdure.Context) -> None:
        return None

    declared = cluster.workflow(child)

    async def after(ctx: perdure.Context) -> None:
        if call == "sleep":
            await ctx.sleep(1)
        elif call == "event":
            await ctx.await_event("other")
        elif call == "emit":
            await ctx.emit_event("other")
        elif call == "now":
            await ctx.now()
        elif call == "child":
            await ctx.start(declared)
        else:
            ctx.uuid() if call == "uuid" else ctx.random()
            await ctx.await_event("go")

    assert_diverged(await changed(cluster, one_step, after), "0", "logic 'a'")
    assert [event.key for event in await cluster.store.events.list("run", tenant=None)] == ["event:go"]
    assert len(await cluster.client.runs()) == 1


async def test_another_event_is_waited_for(cluster: Cluster) -> None:
    async def before(ctx: perdure.Context) -> None:
        await ctx.await_event("go", timeout=60)

    async def after(ctx: perdure.Context) -> None:
        await ctx.await_event("stay", timeout=60)

    assert_diverged(await changed(cluster, before, after), "0", "event 'go'", "event 'stay'")


async def test_another_fingerprint_is_an_input_that_changed(cluster: Cluster) -> None:
    async def before(ctx: perdure.Context) -> None:
        await ctx.step("a", value, fingerprint={"model": "x", "year": 2026})
        await ctx.await_event("go")

    async def after(ctx: perdure.Context) -> None:
        await ctx.step("a", value, fingerprint={"model": "y", "year": 2026})
        await ctx.await_event("go")

    record = await changed(cluster, before, after)
    assert_diverged(record, "0", "input")
    assert record.failure is not None
    assert record.failure.code == "step_input_mismatch"


async def test_the_same_fingerprint_in_another_order_is_the_same(cluster: Cluster) -> None:
    async def before(ctx: perdure.Context) -> None:
        await ctx.step("a", value, fingerprint={"a": 1, "b": [2.0, None]})
        await ctx.await_event("go")

    async def after(ctx: perdure.Context) -> None:
        await ctx.step("a", value, fingerprint={"b": [2, None], "a": 1})
        await ctx.await_event("go")

    assert (await changed(cluster, before, after)).status == "completed"


@pytest.mark.parametrize("which", ["before", "after"])
async def test_a_fingerprint_is_compared_only_where_both_have_one(cluster: Cluster, which: str) -> None:
    async def with_one(ctx: perdure.Context) -> None:
        await ctx.step("a", value, fingerprint=1)
        await ctx.await_event("go")

    flows = (with_one, one_step) if which == "before" else (one_step, with_one)
    assert (await changed(cluster, *flows)).status == "completed"


async def test_another_name_at_a_failed_position(cluster: Cluster) -> None:
    async def fails() -> None:
        raise ValueError

    def flow(name: str) -> Flow:
        async def flow(ctx: perdure.Context) -> None:
            try:
                await ctx.step(name, fails)
            except perdure.StepFailed:
                await ctx.await_event("go")

        return flow

    assert_diverged(await changed(cluster, flow("a"), flow("b")), "0", "'a'", "'b'")


async def test_another_name_at_a_position_that_waits_for_its_next_attempt(cluster: Cluster) -> None:
    async def fails() -> None:
        cluster.done.append("tried")
        raise ValueError

    def flow(name: str) -> Flow:
        async def flow(ctx: perdure.Context) -> None:
            await ctx.step(name, fails, retry=Retry(attempts=2, initial=60, jitter=False))

        return flow

    await changed(cluster, flow("a"), flow("b"))
    await cluster.clock.advance(60)
    assert_diverged(await cluster.record(), "0", "'a'", "'b'")
    assert cluster.done == ["tried"]


async def test_another_name_at_a_position_that_was_in_flight(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("a", die_here, in_doubt="fail")

    await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()

    async def new(ctx: perdure.Context) -> None:
        await ctx.step("b", value)

    cluster.workflow(new, name="flow")
    await cluster.restart()
    assert_diverged(await cluster.record(), "0", "'a'", "'b'")


async def test_a_step_that_is_missing_at_the_end(cluster: Cluster) -> None:
    async def before(ctx: perdure.Context) -> None:
        await ctx.step("a", value)
        await ctx.step("b", value)
        await ctx.await_event("go")

    async def after(ctx: perdure.Context) -> str:
        await ctx.step("a", value)
        return "done early"

    record = await changed(cluster, before, after)
    assert_diverged(record, "1", "'b'", "the end of the workflow")
    assert record.result is None


async def test_a_whole_branch_that_is_missing(cluster: Cluster) -> None:
    def flow(branches: int) -> Flow:
        async def flow(ctx: perdure.Context) -> None:
            async def branch(number: int) -> None:
                await ctx.step("work", value)

            await ctx.map(branch, range(branches))
            await ctx.await_event("go")

        return flow

    assert_diverged(await changed(cluster, flow(3), flow(2)), "0.2.0", "'work'", "the end")


async def test_a_new_step_where_nothing_was_recorded_is_no_divergence(cluster: Cluster) -> None:
    async def after(ctx: perdure.Context) -> int:
        await ctx.step("a", value)
        await ctx.await_event("go")
        return await ctx.step("new", value, 7)

    record = await changed(cluster, one_step, after)
    assert (record.status, record.result) == ("completed", b"7")


@pytest.mark.parametrize("shape", ["a step became a gather", "a gather became a step"])
async def test_a_step_and_a_gather_are_told_apart_before_an_effect(cluster: Cluster, shape: str) -> None:
    async def effect() -> int:
        cluster.done.append("effect")
        return 1

    async def plain(ctx: perdure.Context) -> None:
        await ctx.step("a", effect)
        await ctx.await_event("go")

    async def gathered(ctx: perdure.Context) -> None:
        async def branch() -> None:
            await ctx.step("a", effect)

        await ctx.gather(branch)
        await ctx.await_event("go")

    before, after = (plain, gathered) if shape == "a step became a gather" else (gathered, plain)
    record = await changed(cluster, before, after)
    assert record.failure is not None
    assert record.failure.reason == "diverged"
    assert cluster.done == ["effect"]


async def test_both_journals_are_kept_with_the_failure(cluster: Cluster) -> None:
    async def before(ctx: perdure.Context) -> None:
        await ctx.step("a", value)
        await ctx.step("b", value)
        await ctx.await_event("go")

    async def after(ctx: perdure.Context) -> None:
        await ctx.step("a", value)
        await ctx.step("c", value)

    record = await changed(cluster, before, after)
    assert record.failure is not None
    assert record.failure.data == {"recorded": {"0": "a", "1": "b"}, "found": {"0": "a", "1": "c"}}


async def test_nothing_more_is_executed_and_siblings_are_cut_off(cluster: Cluster) -> None:
    def diverging() -> Flow:
        async def flow(ctx: perdure.Context) -> None:
            async def branch() -> None:
                cluster.done.append("began")
                try:
                    await asyncio.Event().wait()
                finally:
                    cluster.done.append("cut off")

            async def wrong() -> int:
                await cluster.sleep(0.5)
                return await ctx.step("wrong", value)

            async def long() -> None:
                await ctx.step("long", branch)

            await ctx.gather(wrong, long)

        return flow

    async def right(ctx: perdure.Context) -> None:
        async def branch() -> None:
            await ctx.step("right", value)
            await ctx.await_event("go")

        async def waits() -> None:
            await ctx.await_event("never")

        await ctx.gather(branch, waits)

    record = await changed(cluster, right, diverging())
    assert_diverged(record, "0.0.0", "'right'", "'wrong'")
    assert cluster.done == ["began", "cut off"]


async def test_user_code_can_not_swallow_a_divergence(cluster: Cluster) -> None:
    async def after(ctx: perdure.Context) -> str:
        try:
            await ctx.step("b", value)
        except Exception:
            return "swallowed"
        return "went on"

    assert_diverged(await changed(cluster, one_step, after), "0")

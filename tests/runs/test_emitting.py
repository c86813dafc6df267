"""Events: the first emit of a key wins; and what a run itself emits, it emits once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

import perdure
from perdure.errors import IdInvalid, NotStorable, RunNotFound
from perdure.testing.dying import Death
from tests.runs.cluster import Cluster


@dataclass
class Answer:
    text: str
    score: float


async def waits(ctx: perdure.Context, key: str = "go") -> Any:
    return await ctx.await_event(key)


async def test_the_first_emit_wins_and_later_ones_are_told_so(cluster: Cluster) -> None:
    run = await cluster.start(waits)
    assert [await run.emit_event("go", number) for number in range(3)] == [True, False, False]
    await cluster.start_worker()
    assert await cluster.result(run) == 0
    assert await run.emit_event("go", 9) is False


async def test_of_many_who_emit_at_once_one_is_accepted(cluster: Cluster) -> None:
    run = await cluster.start(waits)
    accepted = await asyncio.gather(*[run.emit_event("go", number) for number in range(50)])
    await cluster.start_worker()
    assert accepted.count(True) == 1
    assert await cluster.result(run) == accepted.index(True)


async def test_an_event_for_a_run_that_does_not_exist_is_refused_by_name(cluster: Cluster) -> None:
    with pytest.raises(RunNotFound, match="nobody"):
        await cluster.client.emit_event("nobody", "go")


async def test_an_event_for_a_run_that_has_ended_is_kept_and_changes_nothing(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        return "ended"

    await cluster.run(flow)
    before = await cluster.record()
    assert await cluster.client.emit_event("run", "late", 1) is True
    after = await cluster.record()
    assert (after.status, after.completed_at, after.result) == ("completed", before.completed_at, before.result)
    assert [event.key for event in await cluster.store.events.list("run", tenant=None)] == ["event:late"]


@pytest.mark.parametrize("key", ["", "a\0b", "x" * 513, 7])
async def test_a_key_that_is_no_id_is_refused(cluster: Cluster, key: Any) -> None:
    run = await cluster.start(waits)
    with pytest.raises(IdInvalid) as refused:
        await run.emit_event(key, 1)
    assert refused.value.field == "key"
    assert await cluster.store.events.list("run", tenant=None) == []


async def test_a_payload_that_can_not_be_stored_is_refused_and_nothing_is_emitted(cluster: Cluster) -> None:
    run = await cluster.start(waits)
    with pytest.raises(NotStorable) as refused:
        await run.emit_event("go", {"a": [1, float("nan")]})
    assert refused.value.field == "payload.a[1]"
    assert await cluster.store.events.list("run", tenant=None) == []
    assert await run.emit_event("go", 1) is True


async def test_a_payload_comes_back_as_the_wait_says(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        answer = await ctx.await_event("typed", as_=Answer)
        plain = await ctx.await_event("plain")
        return f"{answer!r} {plain!r}"

    run = await cluster.start(flow)
    await run.emit_event("typed", Answer("yes", 0.5))
    await run.emit_event("plain", Answer("no", 1.5))
    await cluster.start_worker()
    assert await cluster.result(run) == "Answer(text='yes', score=0.5) {'text': 'no', 'score': 1.5}"


async def test_two_waits_for_one_key_get_the_same(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        both = await ctx.gather(ctx.await_event("go"), ctx.await_event("go"))
        return [*both, await ctx.await_event("go")]

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await run.emit_event("go", 5)
    assert await cluster.result(run) == [5, 5, 5]


async def test_a_run_can_emit_to_itself_and_to_another(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[Any]:
        told = [await ctx.emit_event("go", "mine"), await ctx.emit_event("go", "again")]
        told.append(await ctx.emit_event("go", "yours", run_id="other"))
        return [*told, await ctx.await_event("go")]

    other = await cluster.start(waits, run_id="other")
    assert await cluster.run(flow) == [True, False, True, "mine"]
    assert await cluster.result(other) == "yours"


async def test_what_an_emit_was_told_is_told_again_in_replay_and_nothing_is_emitted_twice(cluster: Cluster) -> None:
    told: list[list[bool]] = []

    async def flow(ctx: perdure.Context) -> None:
        answers = [await ctx.emit_event(key, run_id="other") for key in ("new", "taken")]
        answers.append(await ctx.emit_event("mine"))
        told.append(answers)
        await ctx.await_event("go")

    other = await cluster.start(waits, run_id="other")
    await other.emit_event("taken", 1)
    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.kill()
    await run.emit_event("go")
    await cluster.start_worker()
    await cluster.result(run)
    assert told == [[True, False, True]] * 2
    assert len(await cluster.store.events.list("other", tenant=None)) == 2


async def test_an_emit_that_was_refused_is_refused_again_in_replay(cluster: Cluster) -> None:
    told: list[str] = []

    async def flow(ctx: perdure.Context) -> None:
        try:
            await ctx.emit_event("go", run_id="not yet")
        except RunNotFound:
            told.append("refused")
        else:
            told.append("accepted")
        await ctx.await_event("go")

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.kill()
    await cluster.start(waits, run_id="not yet")
    await run.emit_event("go")
    await cluster.start_worker()
    await cluster.result(run)
    assert told == ["refused", "refused"]


async def test_an_emit_lands_with_its_step_or_not_at_all(cluster: Cluster) -> None:
    other = await cluster.start(waits, run_id="other")

    async def flow(ctx: perdure.Context) -> bool:
        return await ctx.emit_event("go", ctx.token, run_id="other")

    run = await cluster.start(flow)
    await cluster.start_worker(death=Death(2, "landed"))  # register, claim, emit
    await cluster.clock.settle()
    assert [event.key for event in await cluster.store.events.list("other", tenant=None)] == ["event:go"]
    assert (await cluster.step("0")).status == "completed"
    await cluster.restart()
    assert await cluster.result(run) is True
    assert await cluster.result(other) == 1


async def waits_for(ctx: perdure.Context, key: str) -> Any:
    return await ctx.await_event(key)


@pytest.mark.parametrize("target", ["a run", "a child"])
@pytest.mark.parametrize("is_first", [True, False])
async def test_what_an_emit_was_told_is_told_again_where_its_target_was_deleted(
    cluster: Cluster, target: str, is_first: bool
) -> None:
    told: list[bool] = []
    declared = cluster.workflow(waits_for)

    async def flow(ctx: perdure.Context) -> str:
        to = "other" if target == "a run" else (await ctx.start(declared, "go")).run_id
        if not is_first:
            await ctx.emit_event("go", run_id=to)
        told.append(await ctx.emit_event("go", run_id=to))
        await ctx.step("paid" if told[-1] else "refused", cluster.done.append, "decided")
        await ctx.await_event("continue")
        return "done"

    if target == "a run":
        await cluster.start(waits_for, "go", run_id="other")
    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(2)
    other = cluster.client.run("other" if target == "a run" else "run/0")
    await cluster.clock.until(other.result())
    await other.delete()
    await run.emit_event("continue")
    await cluster.restart()
    assert await cluster.result(run) == "done"
    assert told == [is_first] * 2
    assert cluster.done == ["decided"]

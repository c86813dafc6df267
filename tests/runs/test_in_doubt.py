"""A step that began and whose end nobody saw: run again, failed, or asked about, never a silent second run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import perdure
from perdure import Retry
from perdure.core import keys
from perdure.core.operations import FinishRun, Operation, PutStep
from perdure.core.values import decode
from perdure.errors import InputError, QuestionAnswered, QuestionNotFound, RunFailed, SettingInvalid, StepInDoubt
from perdure.runs.handles import Run
from perdure.stores.port import Store
from perdure.testing.dying import die_here
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import Cluster


class Payment:
    """A step that pays, and whose first `deaths` workers die when it has."""

    def __init__(self, cluster: Cluster, *, deaths: int = 1, **options: Any) -> None:
        self.cluster = cluster
        self.deaths = deaths
        self.options = options

    async def pay(self) -> int:
        self.cluster.done.append("paid")
        if len(self.cluster.done) <= self.deaths:
            await die_here()
        return len(self.cluster.done)

    async def flow(self, ctx: perdure.Context) -> int:
        paid: Any = await ctx.step("pay", self.pay, **self.options)
        return paid

    async def died(self) -> Run[int]:
        cluster = self.cluster
        run = await cluster.start(self.flow)
        await cluster.start_worker()
        await cluster.clock.settle()
        await cluster.restart()
        return run


async def test_by_default_it_is_run_again(cluster: Cluster) -> None:
    run = await Payment(cluster).died()
    assert await cluster.result(run) == 2


async def test_with_fail_it_fails_and_is_never_run_again(cluster: Cluster) -> None:
    run = await Payment(cluster, in_doubt="fail").died()
    with pytest.raises(RunFailed, match="nobody saw its end"):
        await cluster.result(run)
    step = await cluster.step("0")
    assert step.failure is not None
    assert (step.status, step.failure.reason, step.attempts) == ("failed", "in_doubt", 1)
    assert cluster.done == ["paid"]


async def test_with_fail_the_workflow_is_told_by_type(cluster: Cluster) -> None:
    async def pay() -> int:
        cluster.done.append("paid")
        await die_here()
        return 1

    async def flow(ctx: perdure.Context) -> str:
        try:
            await ctx.step("pay", pay, in_doubt="fail")
        except StepInDoubt as error:
            return error.code
        return "paid"

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.restart()
    assert await cluster.result(run) == "step_in_doubt"


@pytest.mark.parametrize("options", [{"in_doubt": "fail"}, {"in_doubt": "ask"}])
async def test_the_intent_is_durable_before_the_effect(cluster: Cluster, options: dict[str, Any]) -> None:
    seen: list[Any] = []

    async def pay() -> None:
        seen.append((await cluster.steps())["0"].status)

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("pay", pay, **options)

    await cluster.run(flow)
    assert seen == ["running"]


class Counting(WrappedStore):
    """Notes what holders commit."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.commits: list[tuple[type, ...]] = []

    def around_commit(
        self, operations: tuple[Operation, ...], lease: Any, commit: Callable[[], Awaitable[Any]]
    ) -> Awaitable[Any]:
        if lease is not None:
            self.commits.append(tuple(type(operation) for operation in operations))
        return commit()


async def test_what_may_simply_run_again_costs_one_commit(cluster: Cluster) -> None:
    seen: list[Any] = []

    async def pay() -> None:
        seen.append(await cluster.steps())

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("pay", pay)

    counting = Counting(cluster.store)
    await cluster.start_worker(store=counting)
    await cluster.run(flow)
    assert seen == [{}]
    assert counting.commits == [(PutStep,), (FinishRun,)]


async def test_a_person_is_asked_and_the_run_waits_without_a_worker(cluster: Cluster) -> None:
    await Payment(cluster, in_doubt="ask").died()
    (question,) = await cluster.client.questions.list()
    assert (question.run_id, question.kind, question.position) == ("run", "in_doubt", "0")
    assert question.choices == ("again", "failed", "value")
    assert "'pay'" in question.prompt
    record = await cluster.record()
    assert (record.status, record.worker_id) == ("suspended", None)
    assert record.waiting_for == (keys.question(question.question_id),)
    assert (await cluster.step("0")).status == "in_doubt"
    assert cluster.done == ["paid"]


async def test_the_answer_again_runs_it_again(cluster: Cluster) -> None:
    run = await Payment(cluster, in_doubt="ask").died()
    (question,) = await cluster.client.questions.list(run_id="run")
    answered = await cluster.client.questions.answer(question.question_id, "again", by="ana")
    assert answered.answered_by == "ana"
    assert await cluster.result(run) == 2
    assert (await cluster.step("0")).attempts == 2
    assert await cluster.client.questions.list() == []
    assert len(await cluster.client.questions.list(open_only=False)) == 1


async def test_the_answer_failed_fails_it(cluster: Cluster) -> None:
    run = await Payment(cluster, in_doubt="ask").died()
    (question,) = await cluster.client.questions.list()
    await cluster.client.questions.answer(question.question_id, "failed")
    with pytest.raises(RunFailed, match="decided as failed"):
        await cluster.result(run)
    assert cluster.done == ["paid"]


async def test_the_answer_value_is_its_result(cluster: Cluster) -> None:
    run = await Payment(cluster, in_doubt="ask").died()
    (question,) = await cluster.client.questions.list()
    await cluster.client.questions.answer(question.question_id, "value", 42)
    assert await cluster.result(run) == 42
    step = await cluster.step("0")
    assert (step.status, decode(step.result or b"")) == ("completed", 42)
    assert cluster.done == ["paid"]


async def test_after_restarts_one_question_is_open_and_an_answer_to_it_is_heard(cluster: Cluster) -> None:
    run = await Payment(cluster, in_doubt="ask").died()
    await cluster.clock.settle()
    for _ in range(3):
        await run.fail("given up")
        await run.restart()
        await cluster.clock.advance(1)
        assert len(await cluster.client.questions.list()) == 1
    await cluster.client.questions.resolve("run", "0", "value", 5)
    assert await cluster.result(run) == 5
    assert await cluster.client.questions.list() == []


async def test_each_doubt_is_asked_about_anew(cluster: Cluster) -> None:
    payment = Payment(cluster, deaths=2, in_doubt="ask")
    run = await payment.died()
    (first,) = await cluster.client.questions.list()
    await cluster.client.questions.answer(first.question_id, "again")
    await cluster.clock.settle()
    assert cluster.done == ["paid", "paid"]
    await cluster.restart()
    (second,) = await cluster.client.questions.list()
    assert second.question_id != first.question_id
    await cluster.client.questions.answer(second.question_id, "value", 7)
    assert await cluster.result(run) == 7
    assert cluster.done == ["paid", "paid"]


async def test_it_is_asked_about_once_however_often_workers_die_while_it_waits(cluster: Cluster) -> None:
    run = await Payment(cluster, in_doubt="ask").died()
    for _ in range(3):
        await cluster.restart()
        await run.emit_event("something else", {})
        await cluster.clock.settle()
    assert len(await cluster.client.questions.list(open_only=False)) == 1
    (question,) = await cluster.client.questions.list()
    await cluster.client.questions.answer(question.question_id, "again")
    assert await cluster.result(run) == 2


async def test_the_first_answer_stays_and_a_wrong_one_is_refused_by_name(cluster: Cluster) -> None:
    run = await Payment(cluster, in_doubt="ask").died()
    questions = cluster.client.questions
    (question,) = await questions.list()
    with pytest.raises(InputError) as wrong:
        await questions.answer(question.question_id, "maybe")
    assert wrong.value.field == "choice"
    with pytest.raises(QuestionNotFound):
        await questions.answer("nobody asked", "again")
    await questions.answer(question.question_id, "value", 1)
    with pytest.raises(QuestionAnswered):
        await questions.answer(question.question_id, "value", 2)
    assert await cluster.result(run) == 1


async def test_an_answer_that_comes_while_no_worker_is_there_is_not_lost(cluster: Cluster) -> None:
    run = await Payment(cluster, in_doubt="ask").died()
    await cluster.kill()
    (question,) = await cluster.client.questions.list()
    await cluster.client.questions.answer(question.question_id, "value", 5)
    await cluster.start_worker()
    assert await cluster.result(run) == 5


# Timeouts: an attempt that ran too long is in doubt as well.


class Slow:
    """A step that takes 10 s the first time, with a timeout of 3 s."""

    def __init__(self, cluster: Cluster, **options: Any) -> None:
        self.cluster = cluster
        self.options: dict[str, Any] = {"timeout": 3.0} | options

    async def work(self) -> int:
        self.cluster.done.append("began")
        if len(self.cluster.done) == 1:
            await self.cluster.sleep(10)
        return len(self.cluster.done)

    async def flow(self, ctx: perdure.Context) -> int:
        worked: Any = await ctx.step("work", self.work, **self.options)
        return worked


TWICE = Retry(attempts=2, initial=0.5, jitter=False)


@pytest.mark.parametrize("options", [{}, {"in_doubt": "fail"}])
async def test_a_timeout_is_not_repeated_by_a_retry_policy_alone(cluster: Cluster, options: dict[str, Any]) -> None:
    with pytest.raises(RunFailed, match="no end after 3"):
        await cluster.run(Slow(cluster, retry=TWICE, **options).flow)
    assert cluster.done == ["began"]
    step = await cluster.step("0")
    assert step.failure is not None
    assert (step.status, step.failure.reason) == ("failed", "timeout")


@pytest.mark.parametrize("options", [{"read_only": True}, {"idempotent": True}, {"in_doubt": "retry"}])
async def test_a_timeout_is_repeated_where_that_does_no_harm(cluster: Cluster, options: dict[str, Any]) -> None:
    assert await cluster.run(Slow(cluster, retry=TWICE, **options).flow) == 2
    assert cluster.clock.elapsed() == 3.5


async def test_after_a_timeout_a_person_is_asked_where_the_step_says_so(cluster: Cluster) -> None:
    run = await cluster.start(Slow(cluster, in_doubt="ask", retry=TWICE).flow)
    await cluster.start_worker()
    await cluster.clock.advance(5)
    assert await cluster.status() == "suspended"
    assert (await cluster.step("0")).status == "in_doubt"
    (question,) = await cluster.client.questions.list()
    assert "did not end in time" in question.prompt
    await cluster.client.questions.answer(question.question_id, "again")
    assert await cluster.result(run) == 2


async def test_a_step_that_ends_in_time_never_hears_of_its_timeout(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def work() -> str:
            await cluster.sleep(2.5)
            return "in time"

        return await ctx.step("work", work, timeout=3)

    assert await cluster.run(flow) == "in time"
    assert cluster.clock.elapsed() == 2.5


async def test_a_timeout_of_the_function_itself_is_a_plain_failure(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def work() -> None:
            raise TimeoutError("its own")

        await ctx.step("work", work, timeout=3)

    with pytest.raises(RunFailed, match="its own"):
        await memory.run(flow)
    step = await memory.step("0")
    assert step.failure is not None
    assert step.failure.reason == "error"


async def test_a_synchronous_step_is_timed_out_too_and_its_late_end_changes_nothing(memory: Cluster) -> None:
    may_end, ended = threading.Event(), threading.Event()

    def work() -> str:
        may_end.wait(30)
        ended.set()
        return "late"

    async def flow(ctx: perdure.Context) -> str:
        await ctx.step("work", work, timeout=3)
        return "in time"

    with pytest.raises(RunFailed, match="no end after 3"):
        await memory.run(flow)
    may_end.set()
    assert await asyncio.to_thread(ended.wait, 30)
    await memory.clock.advance(1)
    assert (await memory.step("0")).status == "failed"


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")}, {"in_doubt": "maybe"}])
async def test_an_option_that_makes_no_sense_is_refused_before_the_effect(
    memory: Cluster, wrong: dict[str, Any]
) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def work() -> None:
            memory.done.append("ran")

        try:
            await ctx.step("work", work, **wrong)
        except SettingInvalid as error:
            return str(error)
        return ""

    assert next(iter(wrong)) in await memory.run(flow)
    assert memory.done == []

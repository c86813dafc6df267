"""What can be seen from outside: logs that name run and position and are silent in replay, observers, and errors."""

from __future__ import annotations

import asyncio
import logging
import logging.config
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import perdure
from perdure import Manifest, Retry, TaskSpec, run_durable
from perdure.core.failures import Failure
from perdure.core.operations import FinishRun
from perdure.core.records import RunStatus
from perdure.errors import StoreInvalid
from perdure.testing.dying import die_here
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import Cluster


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    """What workflows logged: message, run and position."""
    return [
        (record.getMessage(), getattr(record, "run_id", "?"), getattr(record, "position", "?"))
        for record in caplog.records
        if record.name == "perdure.workflow"
    ]


async def value() -> int:
    return 1


async def test_a_log_names_run_and_position_and_says_each_thing_once(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def flow(ctx: perdure.Context) -> None:
        ctx.log.info("first")
        await ctx.step("a", value)
        ctx.log.info("second")
        ctx.uuid()
        ctx.log.info("after a uuid")

        async def branch(name: str) -> None:
            ctx.log.info("in branch %s", name)
            await ctx.step("inner", value)
            ctx.log.info("end of branch %s", name)

        ctx.log.info("before the map")
        await ctx.map(branch, ["x", "y"])
        ctx.log.info("waiting")
        await ctx.await_event("go", timeout=60)
        ctx.log.info("last")

    with caplog.at_level(logging.INFO, "perdure.workflow"):
        run = await cluster.start(flow)
        await cluster.start_worker()
        await cluster.clock.settle()
        await cluster.kill()
        await run.emit_event("go")
        await cluster.start_worker()
        await cluster.result(run)
    lines = said(caplog)
    assert len({message for message, _, _ in lines}) == len(lines)
    assert {run_id for _, run_id, _ in lines} == {"run"}
    positions = {message: position for message, _, position in lines}
    assert positions["first"] == "0"
    assert positions["second"] == "1"
    assert positions["in branch y"] == "2.1.0"
    assert positions["last"] == "4"


async def test_a_log_inside_a_step_has_the_steps_position(memory: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def work() -> None:
            ctx.log.info("inside")

        await ctx.step("a", value)
        await ctx.step("b", work)
        await ctx.gather(ctx.step("c", work), ctx.step("d", work))

    with caplog.at_level(logging.INFO, "perdure.workflow"):
        await memory.run(flow)
    assert sorted(position for _, _, position in said(caplog)) == ["1", "2", "3"]


async def test_a_replay_is_silent_even_where_logging_was_configured_anew(
    memory: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def flow(ctx: perdure.Context) -> None:
        ctx.log.info("once")
        await ctx.step("a", value)
        await ctx.await_event("go")

    run = await memory.start(flow)
    await memory.start_worker()
    await memory.clock.settle()
    await memory.kill()
    # what web servers do when they start
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    with caplog.at_level(logging.INFO):
        await run.emit_event("go")
        await memory.start_worker()
        await memory.result(run)
    assert [record.getMessage() for record in caplog.records if record.getMessage() == "once"] == []


async def test_what_a_user_adds_to_a_log_is_kept(memory: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ctx: perdure.Context) -> None:
        ctx.log.info("tagged", extra={"order": 7})

    with caplog.at_level(logging.INFO, "perdure.workflow"):
        await memory.run(flow)
    (record,) = [record for record in caplog.records if record.name == "perdure.workflow"]
    assert (getattr(record, "run_id", None), getattr(record, "order", None)) == ("run", 7)


async def test_a_workflow_that_fails_is_visible_by_default(memory: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ctx: perdure.Context) -> None:
        raise ValueError("the reason")

    run = await memory.start(flow)
    await memory.start_worker()
    await memory.clock.until(run.wait())
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.name.startswith("perdure.")
    assert "run" in record.getMessage()
    assert "the reason" in caplog.text
    assert record.exc_info is not None


# Observers.


class Watching:
    """An observer that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def run_started(self, run_id: str, workflow: str, token: int) -> None:
        self.told.append(("started", run_id, workflow, token))

    def step_ended(
        self, run_id: str, position: str, name: str, kind: str, attempts: int, failure: Failure | None
    ) -> None:
        self.told.append(("step", run_id, position, name, kind, attempts, failure.cause_type if failure else None))

    def run_ended(self, run_id: str, workflow: str, status: RunStatus) -> None:
        self.told.append(("ended", run_id, workflow, status))


class Raising(Watching):
    """An observer that raises whatever it is told."""

    def run_started(self, run_id: str, workflow: str, token: int) -> None:
        raise ValueError("an observer's own bug")

    def step_ended(
        self, run_id: str, position: str, name: str, kind: str, attempts: int, failure: Failure | None
    ) -> None:
        raise KeyError("an observer's own bug")

    def run_ended(self, run_id: str, workflow: str, status: RunStatus) -> None:
        raise ZeroDivisionError("an observer's own bug")


async def test_an_observer_is_told_of_runs_and_steps_and_never_of_a_replay(cluster: Cluster) -> None:
    async def fails() -> None:
        raise ValueError

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("a", value, kind="llm")
        try:
            await ctx.step("b", fails, retry=Retry(attempts=2, initial=0))
        except perdure.StepFailed:
            await ctx.await_event("go")

    first, second = Watching(), Watching()
    run = await cluster.start(flow)
    await cluster.start_worker(observer=first)
    await cluster.clock.settle()
    await cluster.kill()
    await run.emit_event("go")
    await cluster.start_worker(observer=second)
    await cluster.result(run)
    assert first.told == [
        ("started", "run", "flow", 1),
        ("step", "run", "0", "a", "llm", 1, None),
        ("step", "run", "1", "b", "logic", 2, "ValueError"),
        ("ended", "run", "flow", "suspended"),
    ]
    assert second.told == [("started", "run", "flow", 2), ("ended", "run", "flow", "completed")]


@pytest.mark.parametrize("end", ["failed", "cancelled", "queued"])
async def test_an_observer_is_told_how_a_run_left_its_worker(cluster: Cluster, end: str) -> None:
    async def flow(ctx: perdure.Context) -> None:
        if end == "failed":
            raise ValueError
        await ctx.step("hangs", asyncio.Event().wait)

    watching = Watching()
    run = await cluster.start(flow)
    simulated = await cluster.start_worker(observer=watching)
    await cluster.clock.advance(1)
    if end == "cancelled":
        await cluster.clock.until(run.cancel())
    elif end == "queued":
        await cluster.clock.until(simulated.worker.stop(at_once=True))
    assert watching.told[-1] == ("ended", "run", "flow", end)


async def test_an_observer_that_raises_is_visible_and_changes_nothing(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def flow(ctx: perdure.Context) -> int:
        return await ctx.step("a", value)

    run = await cluster.start(flow)
    await cluster.start_worker(observer=Raising())
    assert await cluster.result(run) == 1
    failures = [record for record in caplog.records if record.getMessage().endswith(": an observer failed")]
    assert [record.exc_info[0] for record in failures if record.exc_info] == [ValueError, KeyError, ZeroDivisionError]


# A store that refuses what nobody expected it to refuse.


class RefusesEnds(WrappedStore):
    """A store that is damaged where a run's end is written."""

    def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        if not isinstance(operations[-1], FinishRun):
            return commit()
        refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        refused.set_exception(StoreInvalid("runs.db", "is damaged"))
        return refused


async def test_an_end_that_can_not_be_written_is_raised_and_not_tried_for_ever(cluster: Cluster) -> None:
    async def task(ctx: perdure.Context) -> None:
        cluster.done.append("called")

    given = Manifest(task=TaskSpec(id="task"))
    with pytest.raises(StoreInvalid):
        async with asyncio.timeout(10):
            await cluster.clock.until(
                run_durable(
                    run_id="run", store=RefusesEnds(cluster.store), task=task, manifest=given, clock=cluster.clock
                )
            )
    assert cluster.done == ["called"]
    assert await cluster.store.workers.list() == []


async def test_an_end_that_can_not_be_written_is_visible_in_a_worker(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def flow(ctx: perdure.Context) -> None:
        return None

    await cluster.start(flow)
    await cluster.start_worker(store=RefusesEnds(cluster.store))
    await cluster.clock.advance(1)
    assert "is damaged" in caplog.text
    await cluster.kill()
    await cluster.start_worker()
    await cluster.clock.advance(40)
    assert await cluster.status() == "completed"


async def test_a_death_in_a_step_is_no_news_for_an_observer_of_another_process(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        async def dies() -> str:
            cluster.done.append("began")
            if len(cluster.done) == 1:
                await die_here()
            return "done"

        return await ctx.step("dies", dies)

    first, second = Watching(), Watching()
    run = await cluster.start(flow)
    await cluster.start_worker(observer=first)
    await cluster.clock.settle()
    await cluster.restart(observer=second)
    await cluster.result(run)
    assert "step" not in [line[0] for line in first.told]
    assert [line[0] for line in second.told] == ["started", "step", "ended"]


# How long.


def lasted(step: Any) -> float:
    return (step.completed_at - step.started_at).total_seconds()


async def test_a_step_lasts_as_long_as_all_its_attempts_and_the_pauses_between_them(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def work() -> None:
            cluster.done.append("tried")
            await cluster.sleep(1)
            if len(cluster.done) < 3:
                raise ValueError

        await ctx.step("work", work, retry=perdure.Retry(attempts=3, initial=10, multiplier=1, jitter=False))

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(5)
    waiting = await cluster.step("0")
    assert cluster.clock.now() - waiting.started_at == timedelta(seconds=5)
    await cluster.restart()
    await cluster.result(run, within=100)
    step = await cluster.step("0")
    assert step.attempts == 3
    assert lasted(step) >= 23


async def test_a_wait_that_holds_its_run_lasts_from_where_it_began(cluster: Cluster) -> None:
    async def child(ctx: perdure.Context) -> None:
        await ctx.step("work", cluster.sleep, 4)

    declared = cluster.workflow(child)

    async def flow(ctx: perdure.Context) -> None:
        async def event() -> None:
            await ctx.await_event("go")

        async def result() -> None:
            await (await ctx.start(declared)).result()

        await ctx.gather(event, result, ctx.step("work", cluster.sleep, 10))

    run = await cluster.start(flow)
    await cluster.start_worker()
    await cluster.clock.advance(3)
    await run.emit_event("go")
    await cluster.result(run)
    steps = await cluster.steps()
    assert (lasted(steps["1.0.0"]), lasted(steps["1.1.1"])) == (3.0, 4.0)

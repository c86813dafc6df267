"""What went wrong inside a run reaches who awaits it with a stable code, however deep it came from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

import perdure
from perdure.core.failures import Failure, step_error
from perdure.core.operations import Operation, TakeRun
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import (
    ChildFailed,
    ModelAuthFailed,
    ModelUnavailable,
    RunFailed,
    RunNotFound,
    StepFailed,
    WorkerExpired,
)
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import Cluster


def refused() -> None:
    raise ModelAuthFailed("the key is wrong")


async def test_a_failed_run_tells_the_code_of_what_its_step_raised(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("ask", refused)

    with pytest.raises(RunFailed) as failed:
        await cluster.run(flow)
    assert (failed.value.cause_type, failed.value.cause_code) == ("ModelAuthFailed", "model_auth_failed")
    for failure in ((await cluster.record()).failure, (await cluster.step("0")).failure):
        assert failure is not None
        assert (failure.cause_type, failure.code) == ("ModelAuthFailed", "model_auth_failed")


async def test_a_failed_step_tells_the_same_code_on_every_replay(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> list[str]:
        try:
            await ctx.step("ask", refused)
        except StepFailed as failed:
            cluster.done.append(failed.cause_code)
        await ctx.sleep(5)  # suspends: what follows is a replay
        return cluster.done

    assert await cluster.run(flow) == ["model_auth_failed", "model_auth_failed"]


async def test_a_failed_child_tells_the_code_of_what_it_raised(cluster: Cluster) -> None:
    async def child(ctx: perdure.Context) -> None:
        await ctx.step("ask", refused)

    async def parent(ctx: perdure.Context) -> str:
        started = await ctx.start(declared)
        try:
            await started.result()
        except ChildFailed as failed:
            return failed.cause_code
        return "nothing was raised"

    declared = cluster.workflow(child)
    assert await cluster.run(parent) == "model_auth_failed"


async def test_the_fields_of_what_was_raised_reach_whoever_awaits_the_step_the_child_and_the_run(
    cluster: Cluster,
) -> None:
    said = {"status": 503, "retry_after": 2.5, "detail": "overloaded"}

    def ask() -> None:
        raise ModelUnavailable("down", status=503, retry_after=2.5, detail="overloaded")

    seen = list[object]()

    async def child(ctx: perdure.Context) -> None:
        try:
            await ctx.step("ask", ask)
        except StepFailed as failed:
            seen.append(failed.data)
            raise

    async def parent(ctx: perdure.Context) -> None:
        started = await ctx.start(declared)
        try:
            await started.result()
        except ChildFailed as failed:
            seen.append(failed.data)
            await ctx.sleep(5)  # suspends: what follows is a replay
            raise

    declared = cluster.workflow(child)
    with pytest.raises(RunFailed) as failed:
        await cluster.run(parent)
    assert seen == [said] * 3
    assert (failed.value.cause_type, failed.value.data["status"], failed.value.data["data"]) == (
        "ChildFailed",
        "failed",
        said,
    )
    with pytest.raises(RunFailed) as of_child:
        await cluster.client.run(failed.value.data["run_id"]).result()
    assert of_child.value.data == said


async def test_what_was_foreseen_is_one_line_in_the_log_and_all_else_has_its_traceback(
    memory: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def foreseen(ctx: perdure.Context) -> None:
        await ctx.step("ask", refused)

    async def bug(ctx: perdure.Context) -> None:
        await ctx.step("divide", lambda: 1 / 0)

    for flow in (foreseen, bug):
        with pytest.raises(RunFailed):
            await memory.run(flow, run_id=flow.__name__)
    one, other = (record for record in caplog.records if record.name == "perdure.worker")
    assert one.exc_info is None
    assert "the key is wrong" in one.getMessage()
    assert "\n" not in one.getMessage()
    assert other.exc_info is not None


async def test_the_field_of_a_result_that_can_not_be_stored_reaches_whoever_awaits_it(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("make", lambda: {"a": [float("nan")]})

    with pytest.raises(RunFailed) as failed:
        await memory.run(flow)
    assert failed.value.data["field"] == "result of step 'make'.a[0]"


async def test_what_is_no_error_of_ours_has_no_code_of_its_own(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("divide", lambda: 1 / 0)

    with pytest.raises(RunFailed) as failed:
        await memory.run(flow)
    assert (failed.value.cause_type, failed.value.cause_code) == ("ZeroDivisionError", "")


class Numbered(perdure.TerminalError):
    code = 402  # a user's own

    def __init__(self, reason: str) -> None:
        super().__init__(f"declined: {reason}")
        self.reason = reason


async def test_a_code_of_a_user_s_class_that_is_no_text_is_told_as_one(memory: Cluster) -> None:
    def decline() -> None:
        raise Numbered("no money")

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("pay", decline)

    with pytest.raises(RunFailed) as failed:
        await memory.run(flow)
    told = failed.value
    assert (told.cause_type, told.cause_code, told.data) == ("Numbered", "402", {"reason": "no money"})
    assert "declined: no money" in str(told)


async def test_the_steps_of_a_run_that_is_not_there_are_an_error_and_not_an_empty_list(cluster: Cluster) -> None:
    with pytest.raises(RunNotFound):
        await cluster.client.run("missing").steps()

    async def flow(ctx: perdure.Context) -> str:
        return ctx.run_id

    run = await cluster.start(flow)
    assert await run.steps() == []


class Expiring(WrappedStore):
    """The first time that a run is taken, its worker has just expired."""

    expired = False

    def around_commit(
        self, operations: tuple[Operation, ...], lease: Lease | None, commit: Callable[[], Awaitable[Value]]
    ) -> Awaitable[Value]:
        if isinstance(operations[0], TakeRun) and not self.expired:
            self.expired = True
            raise WorkerExpired(operations[0].worker_id)
        return commit()


async def test_a_worker_that_expires_before_it_takes_its_run_tries_again(memory: Cluster) -> None:
    async def task(ctx: perdure.Context) -> str:
        return ctx.run_id

    store = Expiring(memory.store)
    driving = perdure.run_durable(
        run_id="run",
        store=store,
        task=task,
        manifest=perdure.Manifest(task=perdure.TaskSpec(id="review")),
        clock=memory.clock,
    )
    assert (await memory.clock.until(driving)).result == "run"
    assert store.expired


# Which step, which class, and what was inside.


class Declined(Exception):
    """A class of the user's."""


class OverTheLimit(Declined):
    """One of its kinds."""


def pay(order: int) -> None:
    raise OverTheLimit(f"order {order}")


async def test_a_failed_run_names_the_step_that_ended_it_and_its_position(cluster: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("look", lambda: 1)
        await ctx.step("pay", pay, 7)

    with pytest.raises(RunFailed) as failed:
        await cluster.run(flow)
    assert str(failed.value) == "run 'run' failed (error): OverTheLimit: order 7; in step 'pay' (1)"
    assert (failed.value.step, failed.value.position) == ("pay", "1")
    with pytest.raises(RunFailed, match=r"in step 'pay' \(1\)"):
        await cluster.client.run("run").result()


async def test_a_failed_run_names_the_step_that_another_error_was_raised_from(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def branch() -> None:
            try:
                await ctx.step("pay", pay, 7)
            except StepFailed as failed:
                raise ValueError("nope") from failed

        await ctx.gather(branch, branch)

    with pytest.raises(RunFailed, match=r"ValueError: nope; in step 'pay' \(0\.0\.0\)"):
        await memory.run(flow)


async def test_a_failed_run_names_no_step_where_none_ended_it(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        with suppress(StepFailed):
            await ctx.step("pay", pay, 7)
        raise KeyError

    with pytest.raises(RunFailed) as failed:
        await memory.run(flow)
    assert str(failed.value) == "run 'run' failed (error): KeyError"
    assert (failed.value.step, failed.value.position) == ("", "")


async def test_an_error_tells_whether_its_cause_is_of_a_class_the_first_time_and_on_every_replay(
    cluster: Cluster,
) -> None:
    async def flow(ctx: perdure.Context) -> None:
        try:
            await ctx.step("pay", pay, 7)
        except StepFailed as failed:
            told = (Declined, OverTheLimit, Exception, "OverTheLimit", f"{__name__}.Declined", ValueError, "Limit")
            cluster.done.append("".join(str(int(failed.is_a(kind))) for kind in told))
            await ctx.sleep(5)  # suspends: what follows is a replay
            raise

    with pytest.raises(RunFailed) as failed:
        await cluster.run(flow)
    assert cluster.done == ["1111100", "1111100"]
    assert failed.value.is_a(Declined)
    assert not failed.value.is_a(ValueError)


async def test_a_failed_child_tells_whether_its_cause_is_of_a_class(memory: Cluster) -> None:
    async def child(ctx: perdure.Context) -> None:
        await ctx.step("pay", pay, 7)

    async def parent(ctx: perdure.Context) -> list[bool]:
        started = await ctx.start(declared)
        try:
            await started.result()
        except ChildFailed as failed:
            return [failed.is_a(Declined), failed.is_a(ValueError)]
        return []

    declared = memory.workflow(child)
    assert await memory.run(parent) == [True, False]


async def test_a_class_of_the_main_module_is_the_one_that_it_is_elsewhere(memory: Cluster) -> None:
    here = type("Declined", (Exception,), {"__module__": "__main__"})

    def raises() -> None:
        raise here

    async def flow(ctx: perdure.Context) -> bool:
        try:
            await ctx.step("pay", raises)
        except StepFailed as failed:
            return failed.is_a(Declined)
        return False

    assert await memory.run(flow)


def test_a_timeout_of_perdure_s_own_is_a_timeout() -> None:
    failure = Failure(cause_type="TimeoutError", message="no end after 5 s", reason="timeout")
    assert step_error("slow", "0", failure, 1).is_a(TimeoutError)
    assert not step_error("slow", "0", failure, 1).is_a(ValueError)


async def test_a_group_of_errors_lists_what_is_inside(memory: Cluster) -> None:
    def several() -> None:
        inner = ExceptionGroup("deeper", [KeyError("b"), OverTheLimit()])
        raise ExceptionGroup("both failed", [ValueError("a"), inner])

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("both", several)

    with pytest.raises(RunFailed) as failed:
        await memory.run(flow)
    listed = "both failed (2 sub-exceptions): [ValueError: a; ExceptionGroup: deeper (2 sub-exceptions): "
    assert failed.value.message == listed + "[KeyError: 'b'; OverTheLimit]]"
    assert failed.value.cause_type == "ExceptionGroup"


async def test_a_group_of_failed_steps_has_the_positions_of_each(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        errors = list[Exception]()
        for number in range(2):
            try:
                await ctx.step("pay", pay, number)
            except StepFailed as failed:
                errors.append(failed)
        raise ExceptionGroup("both", errors)

    with pytest.raises(RunFailed, match=r"step 'pay' \(1\) failed: OverTheLimit: order 1\]; in step 'pay' \(0\)"):
        await memory.run(flow)
    failure = (await memory.record()).failure
    assert failure is not None
    assert failure.positions == ("0", "1")


async def test_what_was_noted_on_an_error_is_told(memory: Cluster) -> None:
    def noted() -> None:
        error = ValueError("no such card")
        error.add_note("the card ends with 42")
        raise error

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("pay", noted)

    with pytest.raises(RunFailed, match="ValueError: no such card\nthe card ends with 42"):
        await memory.run(flow)


async def test_what_was_taken_out_of_a_group_and_raised_ends_its_run(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> None:
        try:
            try:
                await ctx.step("pay", pay, 7)
            except StepFailed as failed:
                raise ExceptionGroup("one", [failed, ValueError("a")]) from None
        except ExceptionGroup as group:
            raise group.exceptions[0] from None  # its context is the group, which it is inside of

    with pytest.raises(RunFailed, match=r"OverTheLimit: order 7; in step 'pay' \(0\)"):
        await memory.run(flow)


async def test_an_error_whose_text_can_not_be_had_is_a_failure_like_any_other(memory: Cluster) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise KeyError

    def raises() -> None:
        raise Mute

    async def flow(ctx: perdure.Context) -> None:
        await ctx.step("mute", raises)

    with pytest.raises(RunFailed, match=r"Mute: \(its text can't be had: KeyError\); in step 'mute'"):
        await memory.run(flow)

"""Attempts, steps and waits that break a promise."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from perdure.core.operations import PutStep
from perdure.core.retry import Retry
from perdure.runs import attempt_end, events, steps, waits
from perdure.runs.attempt import Attempt
from perdure.runs.gather import GatherCall
from perdure.runs.halting import Halt
from perdure.runs.steps import StepCall
from tests.broken.executors.registry import caught_by
from tests.runs import (
    test_cancelled_from_outside,
    test_cancelling,
    test_gathering,
    test_in_doubt,
    test_leases,
    test_races,
    test_replay,
    test_retries,
    test_stopping_workers,
    test_suspension,
    test_timeouts_of_asyncio,
    test_what_user_code_raises,
)


@caught_by(test_replay.test_a_committed_step_never_runs_again)
def step_runs_again_after_its_outcome(patch: pytest.MonkeyPatch) -> None:
    """A committed outcome is not looked at."""

    visit = Attempt.visit

    def forgets(self: Any, call: Any, *fingerprint: Any) -> Any:
        record = visit(self, call, *fingerprint)
        is_over = isinstance(call, StepCall) and record is not None and record.status == "completed"
        return None if is_over else record

    patch.setattr(Attempt, "visit", forgets)


@caught_by(partial(test_in_doubt.test_the_intent_is_durable_before_the_effect, options={"in_doubt": "fail"}))
def begin_is_not_committed_before_the_effect(patch: pytest.MonkeyPatch) -> None:
    """The intent of a step that may not simply run again is not written."""
    commit = Attempt.commit

    async def skips(self: Any, *operations: Any) -> Any:
        if all(isinstance(one, PutStep) and one.step.status == "running" for one in operations):
            return (None,)
        return await commit(self, *operations)

    patch.setattr(Attempt, "commit", skips)


@caught_by(
    partial(
        test_races.test_an_event_reaches_its_wait_whatever_was_on_its_way_when_it_came,
        phase="before",
        flow=test_races.waits_for_days,
    ),
    partial(test_races.test_an_answer_reaches_its_step_whatever_was_on_its_way_when_it_came, phase="lost_after"),
)
def parks_although_what_it_waits_for_is_there(patch: pytest.MonkeyPatch) -> None:
    """A wait does not look at what was taken in while its own row was on its way."""

    async def park(attempt: Attempt, position: str, key: str, due_at: datetime | None = None) -> Any:
        wait = attempt.waits[position] = waits.Wait(attempt, key, due_at)
        try:
            return await wait.settled(position)
        finally:
            attempt.waits.pop(position, None)

    for module in (waits, events):
        patch.setattr(module, "park", park)


@caught_by(test_suspension.test_no_wake_up_is_lost_that_comes_between_looking_and_suspending)
def suspends_although_something_came_in(patch: pytest.MonkeyPatch) -> None:
    """A suspension that was refused is tried again, and what came in is not read."""
    suspend: Any = vars(attempt_end)["_suspend"]

    async def insists(attempt: Any) -> Any:
        while (settled := await suspend(attempt)) == "again":
            run = await attempt.host.store.runs.get(attempt.run.run_id, tenant=attempt.run.tenant)
            assert run is not None
            attempt.inbox = run.inbox
        return settled

    patch.setattr(attempt_end, "_suspend", insists)


@caught_by(test_leases.test_no_effect_is_started_between_the_end_of_the_lease_and_its_next_renewal)
def begins_an_effect_without_a_lease(patch: pytest.MonkeyPatch) -> None:
    """Whether the lease still runs is not asked before an effect."""
    patch.setattr(Attempt, "may_start", Attempt.check)


@caught_by(test_retries.test_the_last_attempt_decides_and_says_how_many_there_were)
def retries_once_too_often(patch: pytest.MonkeyPatch) -> None:
    """The first attempt is not counted."""
    pause = Retry.pause

    def forgets_one(self: Any, attempt: int, error: BaseException, share: float) -> float | None:
        return pause(self, attempt - 1, error, share)

    patch.setattr(Retry, "pause", forgets_one)


@caught_by(
    test_cancelling.test_a_running_step_is_cut_off_and_is_in_doubt,
    test_cancelling.test_parallel_steps_and_waits_are_all_cut_off,
)
def cancels_nothing_that_runs(patch: pytest.MonkeyPatch) -> None:
    """A halt waits for what runs."""
    stop = Attempt.stop

    def without_tasks(self: Any, halt: Halt) -> None:
        tasks, self._tasks = self._tasks, set()
        try:
            stop(self, halt)
        finally:
            self._tasks = tasks

    patch.setattr(Attempt, "stop", without_tasks)


@caught_by(test_gathering.test_every_branch_settles_before_the_failure_at_the_lowest_position_is_raised)
def gather_raises_at_the_first_failure(patch: pytest.MonkeyPatch) -> None:
    """The other branches are not waited for."""
    ended: Any = vars(GatherCall)["_ended"]

    def at_once(self: Any) -> None:
        ended(self)
        failed = any(task.done() and not task.cancelled() and task.exception() for task in self._tasks)
        if failed and not self._settled.done():
            self.run_attempt.wake()
            self._settled.set_result(None)

    patch.setattr(GatherCall, "_ended", at_once)

    def results(self: Any) -> list[Any]:
        return [task.result() for task in self._tasks if task.done()]

    patch.setattr(GatherCall, "_results", results)


@caught_by(
    test_stopping_workers.test_a_synchronous_step_that_outlives_the_stop_holds_its_run_until_it_ends,
    test_stopping_workers.test_a_step_that_swallows_its_release_is_given_up_and_its_run_is_held_until_it_ends,
)
def releases_a_run_whose_step_goes_on(patch: pytest.MonkeyPatch) -> None:
    """What runs in a thread, or ignores its cancellation, is not waited for."""

    async def at_once(self: Any, on_held: object) -> None:
        return None

    patch.setattr(Attempt, "effects_ended", at_once)


@caught_by(
    partial(
        test_cancelled_from_outside.test_a_run_whose_tasks_are_cancelled_from_outside_is_released_and_goes_on,
        place=test_cancelled_from_outside.in_a_step,
    )
)
def takes_a_cancellation_from_outside_for_the_workflows_own(patch: pytest.MonkeyPatch) -> None:
    """Who cancelled a task is not asked."""

    def goes_on(self: Any, loop: object) -> None:
        return None

    patch.setattr(Attempt, "release", goes_on)


@caught_by(
    partial(
        test_what_user_code_raises.test_it_is_the_failure_of_its_step_and_nobody_elses,
        raised="Panic",
        where="on the loop",
    )
)
def lets_what_is_no_exception_through(patch: pytest.MonkeyPatch) -> None:
    """Only an Exception is a step's failure."""

    def is_of_user_code(error: BaseException, branch: object) -> bool:
        return isinstance(error, Exception | asyncio.CancelledError)

    patch.setattr(steps, "is_of_user_code", is_of_user_code)


@caught_by(partial(test_timeouts_of_asyncio.test_each_wait_is_refused_by_name, wait="await_event"))
def forgets_a_timeout_round_a_wait(patch: pytest.MonkeyPatch) -> None:
    """A wait does not ask whether it is inside a timeout of asyncio."""

    def is_in_scope(task: object) -> bool:
        return False

    patch.setattr("perdure.runs.calls.is_in_scope", is_in_scope)
    patch.setattr("perdure.runs.waits.is_in_scope", is_in_scope)

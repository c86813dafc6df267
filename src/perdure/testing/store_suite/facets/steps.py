"""Steps: a row that only moves forward, and an outcome that never changes."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import msgspec

from perdure.core.failures import Failure
from perdure.core.operations import PutStep
from perdure.core.records import StepRecord
from perdure.core.states import FINAL
from perdure.errors import StepFinal
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness

PHASES = ("running", "retry", "in_doubt", "completed")


def in_phase(harness: StoreHarness, position: str, attempt: int, phase: str) -> PutStep:
    """A step whose attempt has come so far."""
    put = harness.step(position, "running" if phase == "retry" else phase, attempts=attempt)
    if phase != "retry":
        return put
    return PutStep(msgspec.structs.replace(put.step, retry=harness.after(attempt).timestamp()))


class StepPromises(Promises):
    """PutStep, and reading steps."""

    async def test_a_step_comes_back_as_it_was(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        whole = StepRecord(
            position="3.1.0",
            number=0,
            name="höchst seltsam",
            kind="tool",
            status="failed",
            attempts=3,
            fingerprint="f" * 64,
            failure=Failure(cause_type="E", message="m", reason="timeout", code="c", data={"a": [1]}, positions=("3",)),
            started=(harness.at + timedelta(microseconds=123457)).timestamp(),
            completed=harness.after(1).timestamp(),
            due=harness.after(2).timestamp(),
            retry=harness.after(3).timestamp(),
            opened=7,
        )
        small = StepRecord(position="4", number=1, name="", status="running", started=harness.at.timestamp())
        await harness.store.commit(lease, PutStep(whole), PutStep(small))
        assert await harness.store.steps.list("run", tenant=None) == [whole, small]

    async def test_steps_come_in_the_order_of_their_positions(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        positions = ["0", "2", "2.0", "2.0.1", "2.1", "9", "10", "11.2", "11.10", "cancel.0"]
        for position in reversed(positions):
            await harness.commit(lease, harness.step(position))
        found = await harness.store.steps.list("run", tenant=None)
        assert [step.position for step in found] == positions

    async def test_steps_with_an_outcome_are_counted(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        assert await harness.store.steps.count("run", tenant=None) == 0
        for position, status in enumerate(("running", "completed", "failed", "in_doubt")):
            await harness.commit(lease, harness.step(str(position), status))
        assert await harness.store.steps.count("run", tenant=None) == 2
        assert await harness.store.steps.count("nobody", tenant=None) == 0

    async def test_a_row_moves_forward_by_attempt_and_by_phase_only(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        stages = [*product((1, 2), PHASES[:-1]), (2, "completed")]
        for number, (before, after) in enumerate(product(stages, stages)):
            first = in_phase(harness, str(number), *before)
            second = in_phase(harness, str(number), *after)
            await harness.commit(lease, first)
            await harness.commit(lease, second)
            is_forward = before[1] != "completed" and stages.index(after) > stages.index(before)
            steps = {step.position: step for step in await harness.store.steps.list("run", tenant=None)}
            assert steps[str(number)] == (second.step if is_forward else first.step), (before, after)

    async def test_a_committed_outcome_never_changes(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for outcome in sorted(FINAL):
            await harness.commit(lease, harness.step(outcome, outcome))
            for status in FINAL:
                other = harness.step(outcome, status, result=b'"another"')
                failure = Failure(cause_type="Other", message="another") if status == "failed" else None
                other = PutStep(msgspec.structs.replace(other.step, failure=failure))
                error = await harness.commit_refused(StepFinal, lease, other)
                assert isinstance(error, StepFinal)
                assert (error.run_id, error.position) == ("run", outcome)

    async def test_what_comes_late_to_an_outcome_changes_nothing(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for outcome in sorted(FINAL):
            final = harness.step(outcome, outcome)
            await harness.commit(lease, final)
            before = await harness.everything()
            harness.advance(1)
            again = msgspec.structs.replace(final.step, completed=harness.at.timestamp())
            for late in (final, PutStep(again), harness.step(outcome, "running", attempts=9)):
                await harness.commit(lease, late)
                assert (await harness.everything())["run", None, "run", "steps"] == before["run", None, "run", "steps"]

    async def test_a_committed_outcome_outlives_its_owner(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.commit(lease, harness.step())
        lease = await harness.retaken(lease, "bob")
        await harness.commit_refused(StepFinal, lease, harness.step(result=b"2"))

    async def test_two_positions_do_not_share_a_number(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.step("0", "running"))
        other = msgspec.structs.replace(harness.step("1").step, number=harness.step("0").step.number)
        await harness.commit_refused(StepFinal, lease, PutStep(other))

    async def test_each_run_has_steps_of_its_own(self, harness: StoreHarness) -> None:
        one, two = await harness.running("one"), await harness.running("two")
        await harness.commit(one, harness.step(result=b"1"))
        await harness.commit(two, harness.step(result=b"2"))
        for run_id, result in (("one", b"1"), ("two", b"2")):
            [step] = await harness.store.steps.list(run_id, tenant=None)
            assert step.result == result
        assert await harness.store.steps.list("three", tenant=None) == []

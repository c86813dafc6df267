"""Steps: a row that follows the table, and an outcome that never changes."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from perdure.core.failures import Failure
from perdure.core.records import StepRecord, StepStatus
from perdure.core.states import FINAL, STEP_EDGES, step_may
from perdure.errors import StepFinal
from perdure.stores.port import PutStep
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness

STATUSES: tuple[StepStatus, ...] = ("running", "completed", "failed", "in_doubt")


class StepPromises(Promises):
    """PutStep, and reading steps."""

    async def test_a_step_comes_back_as_it_was(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        whole = StepRecord(
            position="3.1.0",
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
        )
        small = StepRecord(position="4", name="", status="running", started=harness.at.timestamp())
        await harness.do(PutStep("run", whole), PutStep("run", small), lease=lease)
        assert await harness.store.steps.list("run") == [whole, small]

    async def test_a_step_is_written_as_it_is_now(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        first = harness.step(status="running")
        later = msgspec.structs.replace(
            first.step,
            status="in_doubt",
            attempts=2,
            started=harness.after(1).timestamp(),
            retry=harness.after(9).timestamp(),
            failure=Failure(cause_type="E", message="m"),
        )
        await harness.do(first, lease=lease)
        await harness.do(PutStep("run", later), lease=lease)
        assert await harness.store.steps.list("run") == [later]

    async def test_steps_come_in_the_order_of_their_positions(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        positions = ["0", "2", "2.0", "2.0.1", "2.1", "9", "10", "11.2", "11.10", "cancel.0"]
        for position in reversed(positions):
            await harness.do(harness.step(position=position), lease=lease)
        assert [step.position for step in await harness.store.steps.list("run")] == positions

    async def test_a_step_takes_every_edge_of_the_table(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for number, (before, after) in enumerate(sorted(STEP_EDGES, key=str)):
            position = str(number)
            if before is not None:
                await harness.do(harness.step(position=position, status=before), lease=lease)
            await harness.do(harness.step(position=position, status=after), lease=lease)
        stored = [step.status for step in await harness.store.steps.list("run")]
        assert stored == [after for _, after in sorted(STEP_EDGES, key=str)]

    async def test_a_step_takes_no_other_edge(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for before in STATUSES:
            for after in STATUSES:
                position = f"{STATUSES.index(before)}.{STATUSES.index(after)}"
                await harness.do(harness.step(position=position, status=before), lease=lease)
                if not step_may(before, after):
                    await harness.refused(StepFinal, harness.step(position=position, status=after), lease=lease)

    async def test_a_committed_outcome_never_changes(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for outcome in sorted(FINAL):
            await harness.do(harness.step(position=outcome, status=outcome), lease=lease)
            before = await harness.everything()
            for status in STATUSES:
                other = harness.step(position=outcome, status=status, result=b'"another"')
                error = await harness.refused(StepFinal, other, lease=lease)
                assert isinstance(error, StepFinal)
                assert (error.run_id, error.position) == ("run", outcome)
            assert await harness.everything() == before

    async def test_a_committed_outcome_outlives_its_owner(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.step(), lease=lease)
        before = await harness.store.steps.list("run")
        lease = await harness.retaken(lease, "bob")
        await harness.refused(StepFinal, harness.step(result=b"2"), lease=lease)
        assert await harness.store.steps.list("run") == before

    async def test_each_run_has_steps_of_its_own(self, harness: StoreHarness) -> None:
        one, two = await harness.running("one"), await harness.running("two")
        await harness.do(harness.step("one", result=b"1"), lease=one)
        await harness.do(harness.step("two", result=b"2"), lease=two)
        assert [step.result for step in await harness.store.steps.list("one")] == [b"1"]
        assert [step.result for step in await harness.store.steps.list("two")] == [b"2"]
        assert await harness.store.steps.list("three") == []

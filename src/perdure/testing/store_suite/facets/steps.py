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
from perdure.testing.store_suite.world import World

STATUSES: tuple[StepStatus, ...] = ("running", "completed", "failed", "in_doubt")


class StepPromises(Promises):
    """PutStep, and reading steps."""

    async def test_a_step_comes_back_as_it_was(self, world: World) -> None:
        lease = await world.running()
        whole = StepRecord(
            position="3.1.0",
            name="höchst seltsam",
            kind="tool",
            status="failed",
            attempts=3,
            fingerprint="f" * 64,
            failure=Failure(cause_type="E", message="m", reason="timeout", code="c", data={"a": [1]}, positions=("3",)),
            started=(world.at + timedelta(microseconds=123457)).timestamp(),
            completed=world.after(1).timestamp(),
            due=world.after(2).timestamp(),
            retry=world.after(3).timestamp(),
        )
        small = StepRecord(position="4", name="", status="running", started=world.at.timestamp())
        await world.do(PutStep("run", whole), PutStep("run", small), lease=lease)
        assert await world.store.steps.list("run") == [whole, small]

    async def test_a_step_is_written_as_it_is_now(self, world: World) -> None:
        lease = await world.running()
        first = world.step(status="running")
        later = msgspec.structs.replace(
            first.step,
            status="in_doubt",
            attempts=2,
            started=world.after(1).timestamp(),
            retry=world.after(9).timestamp(),
            failure=Failure(cause_type="E", message="m"),
        )
        await world.do(first, lease=lease)
        await world.do(PutStep("run", later), lease=lease)
        assert await world.store.steps.list("run") == [later]

    async def test_steps_come_in_the_order_of_their_positions(self, world: World) -> None:
        lease = await world.running()
        positions = ["0", "2", "2.0", "2.0.1", "2.1", "9", "10", "11.2", "11.10", "cancel.0"]
        for position in reversed(positions):
            await world.do(world.step(position=position), lease=lease)
        assert [step.position for step in await world.store.steps.list("run")] == positions

    async def test_a_step_takes_every_edge_of_the_table(self, world: World) -> None:
        lease = await world.running()
        for number, (before, after) in enumerate(sorted(STEP_EDGES, key=str)):
            position = str(number)
            if before is not None:
                await world.do(world.step(position=position, status=before), lease=lease)
            await world.do(world.step(position=position, status=after), lease=lease)
        stored = [step.status for step in await world.store.steps.list("run")]
        assert stored == [after for _, after in sorted(STEP_EDGES, key=str)]

    async def test_a_step_takes_no_other_edge(self, world: World) -> None:
        lease = await world.running()
        for before in STATUSES:
            for after in STATUSES:
                position = f"{STATUSES.index(before)}.{STATUSES.index(after)}"
                await world.do(world.step(position=position, status=before), lease=lease)
                if not step_may(before, after):
                    await world.refused(StepFinal, world.step(position=position, status=after), lease=lease)

    async def test_a_committed_outcome_never_changes(self, world: World) -> None:
        lease = await world.running()
        for outcome in sorted(FINAL):
            await world.do(world.step(position=outcome, status=outcome), lease=lease)
            before = await world.everything()
            for status in STATUSES:
                other = world.step(position=outcome, status=status, result=b'"another"')
                error = await world.refused(StepFinal, other, lease=lease)
                assert isinstance(error, StepFinal)
                assert (error.run_id, error.position) == ("run", outcome)
            assert await world.everything() == before

    async def test_a_committed_outcome_outlives_its_owner(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.step(), lease=lease)
        before = await world.store.steps.list("run")
        lease = await world.retaken(lease, "bob")
        await world.refused(StepFinal, world.step(result=b"2"), lease=lease)
        assert await world.store.steps.list("run") == before

    async def test_each_run_has_steps_of_its_own(self, world: World) -> None:
        one, two = await world.running("one"), await world.running("two")
        await world.do(world.step("one", result=b"1"), lease=one)
        await world.do(world.step("two", result=b"2"), lease=two)
        assert [step.result for step in await world.store.steps.list("one")] == [b"1"]
        assert [step.result for step in await world.store.steps.list("two")] == [b"2"]
        assert await world.store.steps.list("three") == []

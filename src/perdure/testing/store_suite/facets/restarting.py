"""Restarting: a failed run, and nothing else, is queued again, with the steps that are named."""

from __future__ import annotations

import asyncio

from perdure.core import keys
from perdure.core.records import Lease
from perdure.errors import QuestionAnswered, RunNotFound, RunStateWrong, ThreadBusy, TurnSuperseded
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class RestartPromises(Promises):
    """RestartRun."""

    async def test_a_failed_run_that_is_restarted_is_claimable_at_once(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.commit(lease, harness.step())
        lease = await harness.retaken(lease, "bob")
        await harness.commit(lease, harness.finish("failed"))
        harness.advance(60)
        await harness.worker("eve")
        run = await harness.do(harness.restart(life=1))
        assert run == await harness.get()
        assert (run.status, run.ready_at, run.suspicion, run.life) == ("queued", harness.at, None, 1)
        assert (run.failure, run.completed_at) == (None, None)
        [claimed] = await harness.do(harness.claim("eve"))
        assert claimed.run.token > lease.token

    async def test_a_turn_is_restarted_only_at_the_head_of_its_thread(self, harness: StoreHarness) -> None:
        """A thread has one turn at a time, and what later turns were answered with stays as it was."""
        await harness.commit(await harness.replying("one"), harness.finish("failed"))
        await harness.do(harness.restart("one"))  # at the head
        await harness.end_turn("one", "failed")
        await harness.do(harness.turn_with_reply("two"))
        for status in ("queued", "running", "failed"):
            assert await harness.status("two") == status
            error = await harness.refused(TurnSuperseded, harness.restart("one", life=2))
            assert isinstance(error, TurnSuperseded)
            assert (error.run_id, error.thread_id, error.turn, error.head) == ("one", "thread", 1, 2)
            await harness.do(harness.restart("one"))  # it has landed long ago: that is no other restart
            if status == "queued":
                await harness.lease("two")
            elif status == "running":
                lease = Lease(harness.tenant, "two", (await harness.get("two")).token)
                await harness.commit(lease, harness.finish("failed"))
        await harness.do(harness.restart("two"))
        assert await harness.status("two") == "queued"

    async def test_of_a_restart_and_a_send_on_their_way_together_the_second_is_refused(
        self, harness: StoreHarness
    ) -> None:
        for number, refusal in enumerate((ThreadBusy, TurnSuperseded) * 4):
            first, second = f"first-{number}", f"second-{number}"
            await harness.thread(f"thread-{number}")
            await harness.do(harness.turn(first, thread_id=f"thread-{number}"))
            await harness.end_turn(first, "failed")
            restart, send = harness.restart(first), harness.turn(second, thread_id=f"thread-{number}")
            operations = (restart, send) if refusal is ThreadBusy else (send, restart)
            settled = await asyncio.gather(*map(harness.do, operations), return_exceptions=True)
            assert [type(one) for one in settled if isinstance(one, BaseException)] == [refusal]
            assert await harness.status(first) == ("queued" if refusal is ThreadBusy else "failed")

    async def test_a_restart_reopens_the_failed_steps_that_it_names(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for position, status in (("0", "completed"), ("1", "failed"), ("2", "failed")):
            await harness.commit(lease, harness.step(position, status, attempts=3))
        await harness.commit(lease, harness.finish("failed"))
        before = await harness.store.steps.list("run", tenant=None)
        harness.advance(60)
        await harness.do(harness.restart(reopen=("0", "2", "7")))
        steps = await harness.store.steps.list("run", tenant=None)
        assert steps[:2] == before[:2]
        assert (steps[2].status, steps[2].retry_at, steps[2].attempts) == ("running", harness.at, 3)
        assert steps[2].failure is not None
        assert steps[2].failure.failed == 0
        await harness.worker("bob")
        await harness.commit(await harness.lease("run", "bob"), harness.step("2", attempts=4))

    async def test_only_a_failed_run_is_restarted(self, harness: StoreHarness) -> None:
        await harness.run("queued")
        await harness.running("running")
        await harness.suspended("suspended")
        await harness.ended("completed")
        await harness.ended("cancelled", "cancelled")
        for status in ("queued", "running", "suspended", "completed", "cancelled"):
            await harness.refused(RunStateWrong, harness.restart(status, reopen=("0",)))
        await harness.refused(RunNotFound, harness.restart("nobody"))

    async def test_a_restart_that_was_done_is_not_done_again(self, harness: StoreHarness) -> None:
        await harness.ended("run", "failed")
        first, second = harness.restart(life=1), harness.restart(life=2)
        await harness.do(first)
        await harness.commit(await harness.lease(), harness.finish("failed"))
        before = await harness.everything()
        assert (await harness.do(first)).status == "failed"
        assert await harness.everything() == before
        await harness.do(second)
        before = await harness.everything()
        for late in (first, second):
            assert (await harness.do(late)).status == "queued"
            assert await harness.everything() == before

    async def test_a_restarted_run_can_be_answered(self, harness: StoreHarness) -> None:
        """The end of a run closes its questions; what goes on waits for them again."""
        lease = await harness.running()
        await harness.store.commit(lease, harness.ask(), harness.ask("answered"))
        await harness.do(harness.answer("answered"))
        await harness.commit(lease, harness.finish("failed"))
        await harness.refused(QuestionAnswered, harness.answer())
        await harness.do(harness.restart())
        assert [one.question_id for one in await harness.store.questions.list(tenant=None)] == ["why"]
        lease = await harness.lease()
        await harness.store.commit(lease, harness.ask(), harness.suspend(keys.question("why"), inbox=2))
        await harness.do(harness.answer())
        assert await harness.status() == "queued"

    async def test_children_of_an_earlier_life_are_not_cancelled_with_those_of_the_next(
        self, harness: StoreHarness
    ) -> None:
        lease = await harness.running()
        await harness.do(harness.create("early", parent_id="run"))
        await harness.do(harness.cancel())
        await harness.commit(lease, harness.finish("failed"))
        await harness.do(harness.restart())
        await harness.do(harness.create("late", parent_id="run"))
        assert await harness.do(harness.cancel_children()) is False
        assert await harness.status("late") == "queued"

    async def test_a_holder_of_an_earlier_life_writes_nothing(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.commit(lease, harness.finish("failed"))
        await harness.do(harness.restart())
        claimed = await harness.lease()
        assert claimed != lease
        await harness.commit(Lease(None, "run", claimed.token), harness.step())
        assert [step.status for step in await harness.store.steps.list("run", tenant=None)] == ["completed"]

"""Deleting: nothing is left of a run but the memory that it was deleted."""

from __future__ import annotations

from perdure.core.operations import CreateRun
from perdure.core.records import TOMBSTONE_FOR
from perdure.errors import Deleted, LeaseLost, RunNotFound, RunStateWrong
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class DeletePromises(Promises):
    """DeleteRun."""

    async def test_a_deleted_run_leaves_nothing(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        before = await harness.everything()
        lease = await harness.running()
        await harness.store.commit(lease, harness.step(), harness.append(1), harness.ask(), harness.usage())
        await harness.do(harness.emit())
        await harness.commit(lease, harness.finish())
        await harness.do(harness.delete())
        assert await harness.everything() == before
        assert await harness.store.questions.get("why", tenant=None) is None
        await harness.commit_refused(LeaseLost, lease, harness.step())

    async def test_a_deleted_run_is_not_made_again_by_a_late_landing(self, harness: StoreHarness) -> None:
        operation: CreateRun = harness.create()
        await harness.ended()
        await harness.do(harness.delete())
        await harness.refused(Deleted, operation)
        await harness.do(harness.delete())

    async def test_what_was_deleted_is_remembered_for_a_stated_time(self, harness: StoreHarness) -> None:
        await harness.ended()
        await harness.do(harness.delete())
        await harness.ended("other")
        harness.jump(TOMBSTONE_FOR.total_seconds() - 1)
        await harness.do(harness.delete("other"))
        await harness.refused(Deleted, harness.create())
        harness.jump(1)
        await harness.ended("third")
        await harness.do(harness.delete("third"))
        await harness.run()
        [journal] = await harness.store.runs.journals([await harness.get()])
        assert (journal.steps, journal.events, journal.head) == ((), (), 0)

    async def test_only_an_ended_run_is_deleted(self, harness: StoreHarness) -> None:
        await harness.run("queued")
        await harness.running("running")
        await harness.suspended("suspended")
        for status in ("queued", "running", "suspended"):
            await harness.refused(RunStateWrong, harness.delete(status))
        await harness.refused(RunNotFound, harness.delete("nobody"))

    async def test_a_run_whose_children_are_to_be_cancelled_is_not_deleted_before(self, harness: StoreHarness) -> None:
        await harness.suspended("run")
        await harness.do(harness.create("child", parent_id="run"))
        await harness.do(harness.cancel("run"))
        await harness.refused(RunStateWrong, harness.delete("run"))
        await harness.do(harness.cancel_children("run"))
        await harness.do(harness.delete("run"))
        assert await harness.status("child") == "cancelled"

    async def test_a_message_of_a_deleted_run_stays(self, harness: StoreHarness) -> None:
        lease = await harness.replying()
        await harness.store.commit(lease, harness.set_message("reply-run", status="complete"), harness.finish())
        before = await harness.store.messages.path("thread", tenant=None)
        await harness.do(harness.delete())
        assert await harness.store.messages.path("thread", tenant=None) == before

"""Deleting threads: all that is a thread's own goes, nothing of another does, and nothing comes back."""

from __future__ import annotations

import msgspec

from perdure.core import keys
from perdure.core.children import child_outcome
from perdure.core.operations import StartTurn
from perdure.errors import Deleted, LeaseLost, ThreadNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.turns import taken
from perdure.testing.store_suite.harness import StoreHarness


class DeleteThreadPromises(Promises):
    """DeleteThread."""

    async def test_a_deleted_thread_leaves_nothing(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        before = await harness.everything()
        await harness.thread()
        await taken(harness, "old")
        await taken(harness, "sibling", after=0)
        lease = await harness.replying("run")
        await harness.store.commit(lease, harness.step(), harness.append(1), harness.ask(), harness.usage())
        await harness.do(harness.emit())
        await harness.do(harness.thread_event())
        await harness.do(harness.add_message("m", turn=2, place=5))
        await harness.do(harness.delete_thread())
        assert await harness.everything() == before
        assert await harness.store.messages.get("thread", "m", tenant=None) is None
        assert await harness.store.questions.get("why", tenant=None) is None
        await harness.commit_refused(LeaseLost, lease, harness.step())

    async def test_a_deleted_thread_is_not_made_again_by_a_late_landing(self, harness: StoreHarness) -> None:
        create, turn = harness.create_thread(), harness.turn("run", "m")
        await harness.do(create)
        await harness.do(turn)
        await harness.do(harness.delete_thread())
        await harness.refused(Deleted, create)
        await harness.refused(ThreadNotFound, turn)
        before = await harness.everything()
        await harness.do(harness.delete_thread())
        assert await harness.everything() == before

    async def test_a_deleted_thread_takes_nothing_of_another_away(self, harness: StoreHarness) -> None:
        await harness.thread("two")
        await harness.do(harness.turn("run-2", "b", thread_id="two"))
        before = await harness.everything()
        await harness.thread("one")
        await harness.do(harness.turn("run-1", "a", thread_id="one"))
        await harness.do(harness.delete_thread("one"))
        assert await harness.everything() == before

    async def test_a_parent_of_a_turn_that_is_deleted_is_told(self, harness: StoreHarness) -> None:
        for status in ("queued", "running", "suspended"):
            parent, key = f"parent of {status}", keys.child("run")
            await harness.suspended(parent, "ana", key)
            await harness.thread(status)
            turn: StartTurn = harness.turn(f"turn {status}", thread_id=status)
            of_parent = msgspec.structs.replace(turn.run, parent_id=parent, parent_key=key)
            await harness.do(msgspec.structs.replace(turn, run=of_parent))
            if status != "queued":
                lease = await harness.lease(f"turn {status}")
                if status == "suspended":
                    await harness.commit(lease, harness.suspend())
            await harness.do(harness.delete_thread(status))
            event = await harness.store.events.get(parent, key, tenant=None)
            assert event is not None, status
            assert child_outcome(event.payload).status == "cancelled"
            assert await harness.status(parent) == "queued"

    async def test_children_of_a_turn_that_is_deleted_are_cancelled(self, harness: StoreHarness) -> None:
        lease = await harness.replying("run")
        await harness.commit(lease, harness.create("child", parent_id="run"))
        await harness.running("busy", like=harness.create("busy", parent_id="run"))
        await harness.do(harness.delete_thread())
        assert (await harness.status("child"), await harness.status("busy")) == ("cancelled", "cancelling")

"""Parents: whatever ends a child tells its parent, in the same transaction."""

from __future__ import annotations

import pytest

from perdure.core import keys
from perdure.core.children import ChildOutcome, child_outcome
from perdure.core.records import TOMBSTONE_FOR, Lease
from perdure.core.suspicion import POISONED_AT, SUSPECT_AT
from perdure.errors import LeaseLost, RunInputMismatch
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.suspicion import killed, killed_alone
from perdure.testing.store_suite.harness import StoreHarness

CHILD = keys.child("child")


async def outcome(harness: StoreHarness, key: str = CHILD) -> ChildOutcome:
    """What the parent was told."""
    event = await harness.store.events.get("parent", key, tenant=harness.tenant)
    assert event is not None, "the parent was not told"
    return child_outcome(event.payload)


async def family(harness: StoreHarness) -> Lease:
    """A parent that waits for its child, and the lease of the child."""
    await harness.suspended("parent", "ana", CHILD)
    return await harness.running("child", like=harness.create(parent_id="parent", run_id="child"))


class ParentPromises(Promises):
    """How a child's end reaches its parent."""

    async def test_a_parent_is_told_the_result_and_woken(self, harness: StoreHarness) -> None:
        lease = await family(harness)
        await harness.commit(lease, harness.finish())
        told = await outcome(harness)
        assert (told.run_id, told.status, bytes(told.result)) == ("child", "completed", b'"done"')
        run = await harness.get("parent")
        assert (run.status, run.inbox, run.ready_at) == ("queued", 1, harness.at)

    async def test_a_parent_is_told_the_failure(self, harness: StoreHarness) -> None:
        lease = await family(harness)
        operation = harness.finish("failed")
        await harness.commit(lease, operation)
        told = await outcome(harness)
        assert (told.status, told.failure) == ("failed", operation.failure)

    async def test_a_parent_is_told_of_a_child_that_was_cancelled_without_an_owner(self, harness: StoreHarness) -> None:
        await harness.suspended("parent", "ana", CHILD)
        await harness.do(harness.create("child", parent_id="parent"))
        await harness.do(harness.cancel("child"))
        assert (await outcome(harness)).status == "cancelled"
        assert await harness.status("parent") == "queued"

    async def test_a_parent_is_told_of_a_child_that_was_failed_by_a_person(self, harness: StoreHarness) -> None:
        await harness.suspended("parent", "ana", CHILD)
        await harness.do(harness.create("child", parent_id="parent"))
        await harness.do(harness.fail("child"))
        assert (await outcome(harness)).status == "failed"
        assert await harness.status("parent") == "queued"

    async def test_a_parent_is_told_of_a_child_that_was_sealed(self, harness: StoreHarness) -> None:
        await family(harness)
        await harness.do(harness.cancel("child", within=5))
        harness.advance(5)
        await harness.do(harness.seal("child"))
        assert (await outcome(harness)).status == "cancelled"

    async def test_a_parent_is_told_of_a_child_whose_owner_died_while_it_was_cancelled(
        self, harness: StoreHarness
    ) -> None:
        await family(harness)
        await harness.do(harness.cancel("child"))
        await harness.lapse("ana")
        assert (await outcome(harness)).status == "cancelled"

    async def test_a_parent_is_told_of_a_child_whose_worker_retired_while_it_was_cancelled(
        self, harness: StoreHarness
    ) -> None:
        await family(harness)
        await harness.do(harness.cancel("child"))
        await harness.do(harness.retire("ana"))
        assert (await outcome(harness)).status == "cancelled"

    async def test_a_parent_is_told_of_a_child_that_is_poisoned(self, harness: StoreHarness) -> None:
        await harness.suspended("parent", "ana", CHILD)
        await harness.do(harness.create("child", parent_id="parent"))
        await killed(harness, "child", times=SUSPECT_AT)
        await killed_alone(harness, "child", times=POISONED_AT)
        told = await outcome(harness)
        assert told.status == "failed"
        assert told.failure is not None
        assert told.failure.reason == "poisoned"

    async def test_a_parent_is_not_told_of_an_end_that_was_refused(self, harness: StoreHarness) -> None:
        lease = await family(harness)
        await harness.commit(lease, harness.release())
        await harness.commit_refused(LeaseLost, Lease(None, "child", lease.token - 1), harness.finish())
        assert await harness.store.events.get("parent", CHILD, tenant=None) is None

    async def test_a_parent_that_runs_finds_it_in_its_inbox(self, harness: StoreHarness) -> None:
        parent = await harness.running("parent")
        child = await harness.running("child", like=harness.create(parent_id="parent", run_id="child"))
        await harness.commit(child, harness.finish())
        news = await harness.store.runs.news("parent", tenant=None, after=0)
        assert news is not None
        assert (news.inbox, [event.key for event in news.events]) == (1, [CHILD])
        await harness.commit(parent, harness.step())

    async def test_a_parent_that_has_ended_stays_ended(self, harness: StoreHarness) -> None:
        await harness.ended("parent")
        child = await harness.running("child", like=harness.create(parent_id="parent", run_id="child"))
        await harness.commit(child, harness.finish())
        assert await harness.status("parent") == "completed"
        assert (await outcome(harness)).status == "completed"

    async def test_a_child_of_a_parent_that_is_gone_ends_all_the_same(self, harness: StoreHarness) -> None:
        await harness.ended("parent")
        child = await harness.running("child", like=harness.create(parent_id="parent", run_id="child"))
        await harness.do(harness.delete("parent"))
        await harness.commit(child, harness.finish())
        assert await harness.status("child") == "completed"
        assert await harness.store.runs.get("parent", tenant=None) is None

    async def test_each_life_of_a_child_tells_its_end_under_a_key_of_its_own(self, harness: StoreHarness) -> None:
        lease = await family(harness)
        await harness.commit(lease, harness.finish("failed"))
        parent = await harness.lease("parent")
        await harness.commit(parent, harness.suspend(keys.child("child", 1), inbox=1))
        await harness.do(harness.restart("child"))
        await harness.commit(await harness.lease("child"), harness.finish())
        assert (await outcome(harness)).status == "failed"
        assert (await outcome(harness, keys.child("child", 1))).status == "completed"
        assert await harness.status("parent") == "queued"

    async def test_a_run_that_is_there_is_no_child_of_another_one(self, harness: StoreHarness) -> None:
        await harness.run("child")
        lease = await harness.running("parent")
        child = harness.create("child", parent_id="parent")
        error = await harness.refused(RunInputMismatch, child)
        assert "is not the child of run 'parent'" in str(error)
        started = harness.step("0")
        with pytest.raises(RunInputMismatch):
            await harness.commit(lease, started, child)
        assert await harness.store.steps.list("parent", tenant=harness.tenant) == []

    async def test_a_child_that_has_ended_before_it_is_started_again_is_told_to_its_parent(
        self, harness: StoreHarness
    ) -> None:
        await harness.run("parent")
        child = harness.create("child", parent_id="parent")
        await harness.commit(await harness.running("child", like=child), harness.finish())
        await harness.do(harness.cancel("parent"))
        await harness.do(harness.delete("parent"))
        harness.jump(TOMBSTONE_FOR.total_seconds() + 1)
        await harness.run("last")  # who deletes next removes the marks of what was deleted
        await harness.do(harness.cancel("last"))
        await harness.do(harness.delete("last"))
        await harness.suspended("parent", "ana", CHILD)
        await harness.do(child)
        assert (await outcome(harness)).status == "completed"
        assert await harness.status("parent") == "queued"

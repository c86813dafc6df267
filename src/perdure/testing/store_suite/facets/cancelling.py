"""Cancelling: at once without an owner, with a deadline where there is one, and all the way down."""

from __future__ import annotations

from perdure.errors import LeaseLost, RunNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class CancellingPromises(Promises):
    """CancelRun, SealRun, and which runs are overdue."""

    async def test_a_run_without_an_owner_is_cancelled_at_once(self, harness: StoreHarness) -> None:
        await harness.run("queued")
        await harness.suspended("suspended", due_in=60)
        for run_id in ("queued", "suspended"):
            run = await harness.do(harness.cancel(run_id, reason="enough"))
            assert run == await harness.get(run_id)
            assert (run.status, run.completed_at, run.cancel_reason) == ("cancelled", harness.at, "enough")
            assert (run.due_at, run.waiting_for) == (None, ())
        harness.advance(3600)
        assert list(await harness.do(harness.claim(await harness.worker("bob")))) == []

    async def test_a_run_with_an_owner_is_given_until_a_deadline(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        run = await harness.do(harness.cancel(within=5, reason="enough"))
        assert run == await harness.get()
        assert (run.status, run.cancel_by, run.cancel_reason) == ("cancelling", harness.after(5), "enough")
        assert (run.worker_id, run.token, run.inbox) == ("ana", lease.token, 1)

    async def test_an_owner_may_still_end_its_run_as_it_ended(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            lease = await harness.running(status)
            await harness.do(harness.cancel(status))
            await harness.do(harness.finish(status, status), lease=lease)
            assert await harness.status(status) == status

    async def test_a_run_that_has_ended_stays_as_it_is(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            await harness.ended(status, status)
            before = await harness.everything(status)
            harness.advance(1)
            await harness.do(harness.cancel(status))
            assert await harness.everything(status) == before

    async def test_a_run_that_is_being_cancelled_stays_as_it_is(self, harness: StoreHarness) -> None:
        await harness.running()
        await harness.do(harness.cancel(within=5, reason="first"))
        before = await harness.get()
        harness.advance(1)
        assert await harness.do(harness.cancel(within=60, reason="second")) == before
        assert await harness.get() == before

    async def test_children_and_theirs_are_cancelled_too(self, harness: StoreHarness) -> None:
        await harness.suspended("root")
        for child, parent in (("one", "root"), ("two", "root"), ("leaf", "one"), ("twig", "leaf")):
            await harness.do(harness.create(child, parent_id=parent))
        lease = await harness.lease("leaf")
        await harness.run("stranger")
        await harness.do(harness.cancel("root", within=5))
        found = [await harness.status(run_id) for run_id in ("root", "one", "two", "leaf", "twig", "stranger")]
        assert found == ["cancelled", "cancelled", "cancelled", "cancelling", "cancelled", "queued"]
        leaf = await harness.get("leaf")
        assert (leaf.cancel_by, leaf.token) == (harness.after(5), lease.token)

    async def test_children_of_a_child_that_has_ended_are_cancelled_too(self, harness: StoreHarness) -> None:
        await harness.suspended("root")
        lease = await harness.running("child", like=harness.create(parent_id="root", run_id="child"))
        await harness.do(harness.create("leaf", parent_id="child"))
        await harness.do(harness.finish("child"), lease=lease)
        await harness.do(harness.cancel("root"))
        assert (await harness.status("child"), await harness.status("leaf")) == ("completed", "cancelled")

    async def test_a_cancelled_child_does_not_wake_its_cancelled_parent(self, harness: StoreHarness) -> None:
        await harness.suspended("root")
        await harness.do(harness.create("child", parent_id="root"))
        await harness.do(harness.cancel("root"))
        root = await harness.get("root")
        assert (root.status, root.due_at) == ("cancelled", None)

    async def test_a_run_is_sealed_when_its_deadline_has_come_and_not_before(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.cancel(within=5))
        harness.advance(4.5)
        before = await harness.get()
        assert await harness.do(harness.seal()) == before
        assert await harness.get() == before
        await harness.do(harness.step(), lease=lease)
        harness.advance(0.5)
        run = await harness.do(harness.seal())
        assert run == await harness.get()
        assert (run.status, run.completed_at, run.worker_id) == ("cancelled", harness.at, None)

    async def test_a_sealed_run_has_a_raised_token(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.cancel(within=5))
        harness.advance(5)
        await harness.do(harness.seal())
        assert (await harness.get()).token > lease.token
        await harness.refused(LeaseLost, harness.finish(), lease=lease)
        assert await harness.status() == "cancelled"

    async def test_a_run_that_nobody_cancels_is_not_sealed(self, harness: StoreHarness) -> None:
        await harness.run("queued")
        await harness.running("running")
        await harness.suspended("suspended")
        await harness.ended("completed")
        harness.advance(3600)
        for run_id in ("queued", "running", "suspended", "completed"):
            before = await harness.everything(run_id)
            assert await harness.do(harness.seal(run_id)) == before[0]
            assert await harness.everything(run_id) == before

    async def test_what_is_overdue_is_listed(self, harness: StoreHarness) -> None:
        for run_id in ("one", "two", "three"):
            await harness.running(run_id)
        await harness.do(harness.cancel("one", within=5))
        await harness.do(harness.cancel("two", within=10))
        assert await harness.store.runs.overdue(harness.after(4)) == []
        assert await harness.store.runs.overdue(harness.after(5)) == ["one"]
        assert sorted(await harness.store.runs.overdue(harness.after(60))) == ["one", "two"]
        harness.advance(5)
        await harness.do(harness.seal("one"))
        assert await harness.store.runs.overdue(harness.after(60)) == ["two"]

    async def test_a_run_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        await harness.refused(RunNotFound, harness.cancel("nobody"))
        await harness.refused(RunNotFound, harness.seal("nobody"))

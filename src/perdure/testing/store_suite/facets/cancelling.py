"""Cancelling: at once without an owner, within a time where there is one, and all the way down."""

from __future__ import annotations

from perdure.core.records import RunStatus
from perdure.errors import LeaseLost, RunNotFound
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import DIVERGED


class CancelPromises(Promises):
    """CancelRun, SealRun, and which runs are overdue."""

    async def test_a_run_without_an_owner_is_cancelled_at_once(self, harness: StoreHarness) -> None:
        await harness.run("queued")
        await harness.suspended("suspended", due_in=60)
        await harness.commit(await harness.running("parked"), harness.suspend(parked=DIVERGED))
        for run_id in ("queued", "suspended", "parked"):
            run = await harness.do(harness.cancel(run_id, reason="enough"))
            assert run == await harness.get(run_id)
            assert (run.status, run.completed_at, run.cancel_reason) == ("cancelled", harness.at, "enough")
            assert (run.ready_at, run.due_at, run.waiting_for, run.failure) == (None, None, (), None)
        harness.advance(3600)
        await harness.worker("bob")
        assert await harness.claimed("bob") == []

    async def test_a_run_with_an_owner_is_given_a_time(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        run = await harness.do(harness.cancel(within=5, reason="enough"))
        assert run == await harness.get()
        assert (run.status, run.cancel_reason) == ("cancelling", "enough")
        assert run.cancel_until == harness.clock.lease_at + 5
        assert (run.worker_id, run.token, run.inbox) == ("ana", lease.token, 1)
        news = await harness.store.runs.news("run", tenant=None, after=0)
        assert news is not None
        assert (news.status, news.token, news.inbox) == ("cancelling", lease.token, 1)
        assert (news.cancel_reason, news.events) == ("enough", ())

    async def test_an_owner_may_still_end_its_run_as_it_ended(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            lease = await harness.running(status)
            await harness.do(harness.cancel(status))
            await harness.commit(lease, harness.finish(status))
            assert await harness.status(status) == status

    async def test_a_run_that_has_ended_stays_as_it_is(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            await harness.ended(status, status)
            before = await harness.everything()
            harness.advance(1)
            await harness.do(harness.cancel(status))
            assert await harness.everything() == before

    async def test_a_run_that_is_being_cancelled_stays_as_it_is(self, harness: StoreHarness) -> None:
        await harness.running()
        await harness.do(harness.cancel(within=5, reason="first"))
        before = await harness.get()
        harness.advance(1)
        assert await harness.do(harness.cancel(within=60, reason="second")) == before
        assert await harness.get() == before

    async def test_a_late_cancel_leaves_a_run_that_was_restarted_since(self, harness: StoreHarness) -> None:
        await harness.ended("run", "failed")
        late = harness.cancel(life=0)
        await harness.do(harness.restart(life=1))
        before = await harness.everything()
        assert (await harness.do(late)).status == "queued"
        assert await harness.everything() == before
        assert (await harness.do(harness.cancel(life=1))).status == "cancelled"

    async def test_a_run_is_sealed_when_its_time_has_passed_and_not_before(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.cancel(within=5))
        harness.advance(4.5)
        before = await harness.everything()
        assert await harness.do(harness.seal()) == await harness.get()
        assert await harness.everything() == before
        await harness.commit(lease, harness.step())
        harness.advance(0.5)
        run = await harness.do(harness.seal())
        assert run == await harness.get()
        assert (run.status, run.completed_at, run.worker_id) == ("cancelled", harness.at, None)

    async def test_a_jump_of_the_wall_clock_neither_seals_a_run_nor_saves_it(self, harness: StoreHarness) -> None:
        await harness.running()
        await harness.do(harness.cancel(within=5))
        harness.jump(3600)
        assert await harness.store.runs.overdue() == []
        assert (await harness.do(harness.seal())).status == "cancelling"
        harness.jump(-7200)
        harness.clock.lease_at += 5
        assert await harness.store.runs.overdue() == [(None, "run")]
        assert (await harness.do(harness.seal())).status == "cancelled"

    async def test_a_sealed_run_has_a_raised_token(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.cancel(within=5))
        harness.advance(5)
        await harness.do(harness.seal())
        assert (await harness.get()).token > lease.token
        await harness.commit_refused(LeaseLost, lease, harness.finish())

    async def test_a_run_that_nobody_cancels_is_not_sealed(self, harness: StoreHarness) -> None:
        await harness.run("queued")
        await harness.running("running")
        await harness.suspended("suspended")
        await harness.ended("completed")
        harness.advance(3600)
        before = await harness.everything()
        for run_id in ("queued", "running", "suspended", "completed"):
            assert await harness.do(harness.seal(run_id)) == await harness.get(run_id)
        assert await harness.everything() == before

    async def test_what_is_overdue_is_listed(self, harness: StoreHarness) -> None:
        for run_id in ("one", "two", "three"):
            await harness.running(run_id)
        await harness.do(harness.cancel("one", within=5))
        await harness.do(harness.cancel("two", within=10))
        overdue = harness.store.runs.overdue
        harness.advance(4)
        assert await overdue() == []
        harness.advance(1)
        assert await overdue() == [(None, "one")]
        harness.advance(5)
        assert sorted(await overdue(), key=str) == [(None, "one"), (None, "two")]
        await harness.do(harness.seal("one"))
        assert await overdue() == [(None, "two")]

    async def test_a_run_that_is_not_there_is_refused_by_name(self, harness: StoreHarness) -> None:
        await harness.refused(RunNotFound, harness.cancel("nobody"))
        await harness.refused(RunNotFound, harness.seal("nobody"))

    async def test_a_lease_that_is_given_back_ends_a_run_that_is_being_cancelled(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.cancel())
        await harness.commit(lease, harness.release())
        run = await harness.get()
        assert (run.status, run.completed_at) == ("cancelled", harness.at)


async def statuses(harness: StoreHarness, *run_ids: str) -> list[RunStatus]:
    """The statuses of runs."""
    return [(await harness.get(run_id)).status for run_id in run_ids]


class CancelChildrenPromises(Promises):
    """CancelChildren, and which runs have children that are to be cancelled."""

    async def test_children_and_theirs_are_cancelled_too(self, harness: StoreHarness) -> None:
        await harness.suspended("root")
        for child, parent in (("one", "root"), ("two", "root"), ("leaf", "one"), ("twig", "leaf")):
            await harness.do(harness.create(child, parent_id=parent))
        lease = await harness.lease("leaf")
        await harness.run("stranger")
        await harness.do(harness.cancel("root", within=5))
        while to_do := await harness.store.runs.cancelling_children():
            for _, run_id in to_do:
                assert await harness.do(harness.cancel_children(run_id)) is False
        found = await statuses(harness, "root", "one", "two", "leaf", "twig", "stranger")
        assert found == ["cancelled", "cancelled", "cancelled", "cancelling", "cancelled", "queued"]
        leaf = await harness.get("leaf")
        assert (leaf.cancel_until, leaf.token) == (harness.clock.lease_at + 5, lease.token)
        assert leaf.cancel_reason

    async def test_children_are_cancelled_in_batches(self, harness: StoreHarness) -> None:
        await harness.suspended("root")
        children = [f"child-{number}" for number in range(5)]
        for child in children:
            await harness.do(harness.create(child, parent_id="root"))
        await harness.do(harness.cancel("root"))
        more = [await harness.do(harness.cancel_children("root", limit=2)) for _ in range(3)]
        assert more == [True, True, False]
        assert await statuses(harness, *children) == ["cancelled"] * 5
        assert await harness.store.runs.cancelling_children() == []
        assert await harness.do(harness.cancel_children("root")) is False

    async def test_children_of_a_run_that_nobody_cancelled_are_left(self, harness: StoreHarness) -> None:
        await harness.suspended("root")
        await harness.do(harness.create("child", parent_id="root"))
        assert await harness.do(harness.cancel_children("root")) is False
        assert await harness.do(harness.cancel_children("nobody")) is False
        assert await harness.status("child") == "queued"

    async def test_children_of_a_run_with_an_owner_are_cancelled_with_it(self, harness: StoreHarness) -> None:
        await harness.running("root")
        await harness.do(harness.create("child", parent_id="root"))
        await harness.do(harness.cancel("root"))
        assert await harness.store.runs.cancelling_children() == [(None, "root")]

    async def test_children_that_come_between_a_cancel_and_its_end_are_cancelled(self, harness: StoreHarness) -> None:
        """However the run ends: by its holder, by a seal, by the death or the retirement of its worker."""
        for number, end in enumerate(("holder", "seal", "takeover", "retire")):
            root, child = f"root-{number}", f"child-{number}"
            lease = await harness.running(root, end)
            await harness.do(harness.cancel(root, within=5))
            await harness.commit(lease, harness.create(child, parent_id=root))
            if end == "holder":
                await harness.commit(lease, harness.finish("cancelled"))
            elif end == "seal":
                harness.advance(5)
                await harness.do(harness.seal(root))
            elif end == "takeover":
                await harness.lapse(end)
            else:
                await harness.do(harness.retire(end))
            assert await harness.store.runs.cancelling_children() == [(None, root)]
            await harness.do(harness.cancel_children(root))
            assert await harness.status(child) == "cancelled"

    async def test_a_cancelled_child_does_not_wake_its_cancelled_parent(self, harness: StoreHarness) -> None:
        await harness.suspended("root", "ana", "child:child")
        await harness.do(harness.create("child", parent_id="root"))
        await harness.do(harness.cancel("root"))
        await harness.do(harness.cancel_children("root"))
        root = await harness.get("root")
        assert (root.status, root.ready_at, root.due_at) == ("cancelled", None, None)

    async def test_children_of_one_concurrency_key_are_all_cancelled(self, harness: StoreHarness) -> None:
        """Each gives the key on to the next, which is cancelled in the same commit; a stranger has it at the end."""
        await harness.suspended("root")
        for number in range(3):
            await harness.do(harness.create(f"child-{number}", parent_id="root", key="k"))
        await harness.do(harness.create("stranger", key="k"))
        await harness.do(harness.cancel("root"))
        await harness.do(harness.cancel_children("root"))
        assert await statuses(harness, "child-0", "child-1", "child-2", "stranger") == ["cancelled"] * 3 + ["queued"]
        assert await harness.claimed("ana") == ["stranger"]

"""Runs: made once, read back whole, ended once."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core.manifest import Outcome
from perdure.core.records import RunRecord
from perdure.errors import InboxMoved, RunInputMismatch, RunNotFound, RunStateWrong
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import DIVERGED


class RunPromises(Promises):
    """CreateRun, FinishRun, FailRun, and reading runs."""

    async def test_a_run_comes_back_as_it_was(self, harness: StoreHarness) -> None:
        operation = msgspec.structs.replace(
            harness.create(),
            project_id="tax",
            scenario_id="s",
            tenant="t",
            version="2",
            tags={"a": "b"},
            parent_id="parent",
            parent_key="child:run",
            thread_id="thread",
            key="k",
            hold="while_running",
        )
        created = await harness.do(operation)
        assert created == RunRecord(
            run_id="run",
            workflow="flow",
            status="queued",
            project_id="tax",
            scenario_id="s",
            tenant="t",
            version="2",
            manifest_hash="hash",
            seed="seed",
            tags={"a": "b"},
            ready_at=harness.at,
            parent_id="parent",
            parent_key="child:run",
            thread_id="thread",
            key="k",
            hold="while_running",
            has_key=True,
            created_at=harness.at,
            updated_at=harness.at,
        )
        harness.tenant = "t"
        assert await harness.get() == created
        assert await harness.store.runs.manifest("run", tenant="t") == b"{}"

    async def test_a_status_can_be_read_alone(self, harness: StoreHarness) -> None:
        assert await harness.store.runs.status("run", tenant=None) is None
        await harness.running()
        assert await harness.store.runs.status("run", tenant=None) == "running"

    async def test_the_inboxes_of_several_runs_are_read_at_once(self, harness: StoreHarness) -> None:
        await harness.run("one")
        await harness.run("two")
        await harness.do(harness.emit("two"))
        asked = [(None, "one"), (None, "two"), (None, "missing"), ("t", "one")]
        assert await harness.store.runs.inboxes(asked) == {(None, "one"): 0, (None, "two"): 1}
        assert await harness.store.runs.inboxes(()) == {}

    async def test_a_run_is_made_once(self, harness: StoreHarness) -> None:
        await harness.running()
        before = await harness.everything()
        harness.advance(1)
        created = await harness.do(harness.create(manifest=b"[]", workflow="another"))
        assert created == await harness.get()
        assert await harness.everything() == before

    async def test_of_many_who_make_a_run_all_get_the_one_that_was_made(self, harness: StoreHarness) -> None:
        operations = [msgspec.structs.replace(harness.create(), seed=str(number)) for number in range(20)]
        landed = await asyncio.gather(*map(harness.store.execute, operations))
        assert {run.seed for run in landed} == {(await harness.get()).seed}

    async def test_one_id_is_one_input(self, harness: StoreHarness) -> None:
        await harness.running()
        error = await harness.refused(RunInputMismatch, harness.create(manifest_hash="another"))
        assert isinstance(error, RunInputMismatch)
        assert (error.run_id, error.found, error.given) == ("run", "hash", "another")

    async def test_ids_are_compared_as_they_are(self, harness: StoreHarness) -> None:
        ids = ["a", "A", "a/b", "../a", "a:b", "a%2Fb", "ä", "a\u0308", " a", "a" * 512]
        for number, run_id in enumerate(ids):
            await harness.do(harness.create(run_id, manifest_hash=str(number)))
        listed = await harness.store.runs.list(tenant=None)
        assert sorted(run.run_id for run in listed) == sorted(ids)

    async def test_a_run_that_is_not_there_is_none(self, harness: StoreHarness) -> None:
        assert await harness.store.runs.get("run", tenant=None) is None
        assert await harness.store.runs.manifest("run", tenant=None) is None
        assert await harness.store.runs.news("run", tenant=None, after=0) is None

    async def test_an_ended_run_tells_how_it_ended(self, harness: StoreHarness) -> None:
        lease = await harness.running("one")
        harness.advance(3)
        outcome = Outcome(passed=True, score=0.5, notes="fine", metadata={"a": [1]})
        await harness.commit(lease, msgspec.structs.replace(harness.finish(), outcome=outcome))
        run = await harness.get("one")
        assert (run.status, run.result, run.failure, run.outcome) == ("completed", b'"done"', None, outcome)
        assert (run.completed_at, run.worker_id, run.ready_at, run.due_at) == (harness.at, None, None, None)
        operation = harness.finish("failed")
        await harness.commit(await harness.running("two"), operation)
        run = await harness.get("two")
        assert (run.status, run.result, run.failure) == ("failed", None, operation.failure)
        await harness.ended("three", "cancelled")
        assert await harness.status("three") == "cancelled"

    async def test_an_end_that_has_not_read_the_inbox_is_refused(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.emit())
        error = await harness.commit_refused(InboxMoved, lease, harness.step(), harness.finish(inbox=0))
        assert isinstance(error, InboxMoved)
        assert error.run_id == "run"
        await harness.commit(lease, harness.finish(inbox=1))
        assert await harness.status() == "completed"

    async def test_a_run_that_is_being_cancelled_ends_whatever_has_come_in(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.cancel())
        await harness.commit(lease, harness.finish("cancelled", inbox=0))
        assert await harness.status() == "cancelled"

    async def test_a_run_ends_with_an_end(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for status in ("queued", "running", "suspended", "cancelling"):
            await harness.commit_refused(RunStateWrong, lease, harness.finish(status))


class FailPromises(Promises):
    """FailRun."""

    async def test_a_run_without_an_owner_can_be_failed(self, harness: StoreHarness) -> None:
        await harness.run("queued")
        await harness.suspended("suspended")
        lease = await harness.running("parked")
        await harness.commit(lease, harness.suspend(parked=DIVERGED))
        for run_id in ("queued", "suspended", "parked"):
            operation = harness.fail(run_id)
            run = await harness.do(operation)
            assert run == await harness.get(run_id)
            assert (run.status, run.failure, run.completed_at) == ("failed", operation.failure, harness.at)
            assert (run.waiting_for, run.due_at, run.ready_at) == ((), None, None)
        assert await harness.store.runs.parked(("default",), ("flow",)) == []

    async def test_a_run_with_an_owner_is_not_failed_by_others(self, harness: StoreHarness) -> None:
        await harness.running()
        await harness.refused(RunStateWrong, harness.fail())
        await harness.do(harness.cancel())
        await harness.refused(RunStateWrong, harness.fail())
        await harness.refused(RunNotFound, harness.fail("nobody"))

    async def test_a_run_that_has_ended_is_left_as_it_is(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            await harness.ended(status, status)
            before = await harness.everything()
            assert (await harness.do(harness.fail(status))).status == status
            assert await harness.everything() == before

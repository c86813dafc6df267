"""Runs: made once, loaded whole, restarted, deleted."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core.manifest import Outcome
from perdure.core.records import RunRecord
from perdure.errors import RunInputMismatch, RunNotFound, RunStateWrong
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


class RunPromises(Promises):
    """CreateRun, FinishRun, RestartRun, DeleteRun, and reading runs."""

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
        )
        created = await harness.do(operation)
        assert created.existed is False
        assert created.run == RunRecord(
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
            due_at=harness.at,
            parent_id="parent",
            parent_key="child:run",
            created_at=harness.at,
            updated_at=harness.at,
        )
        assert await harness.get() == created.run

    async def test_a_status_can_be_read_alone(self, harness: StoreHarness) -> None:
        assert await harness.store.runs.status("run") is None
        await harness.running()
        assert await harness.store.runs.status("run") == "running"

    async def test_the_inboxes_of_several_runs_are_read_at_once(self, harness: StoreHarness) -> None:
        await harness.run("one")
        await harness.run("two")
        await harness.do(harness.emit("two"))
        assert await harness.store.runs.inboxes(("one", "two", "missing")) == {"one": 0, "two": 1}
        assert await harness.store.runs.inboxes(()) == {}

    async def test_a_run_is_made_once(self, harness: StoreHarness) -> None:
        await harness.running()
        before = await harness.get()
        harness.advance(1)
        created = await harness.do(harness.create(manifest=b"[]", workflow="another"))
        assert (created.existed, created.run) == (True, before)
        loaded = await harness.store.runs.load("run")
        assert loaded is not None
        assert loaded.manifest == b"{}"
        assert await harness.get() == before

    async def test_of_many_who_make_a_run_one_makes_it(self, harness: StoreHarness) -> None:
        landed = await asyncio.gather(*(harness.store.commit(harness.create()) for _ in range(20)))
        assert [one[0].existed for one in landed].count(False) == 1

    async def test_one_id_is_one_input(self, harness: StoreHarness) -> None:
        await harness.running()
        before = await harness.everything()
        error = await harness.refused(RunInputMismatch, harness.create(manifest_hash="another"))
        assert isinstance(error, RunInputMismatch)
        assert (error.run_id, error.found, error.given) == ("run", "hash", "another")
        assert await harness.everything() == before

    async def test_ids_are_compared_as_they_are(self, harness: StoreHarness) -> None:
        ids = ["a", "A", "a/b", "../a", "a:b", "a%2Fb", "ä", "a\u0308", " a", "a" * 512]
        for run_id in ids:
            assert not (await harness.do(harness.create(run_id))).existed
        assert sorted(run.run_id for run in await harness.store.runs.list()) == sorted(ids)

    async def test_a_run_that_is_not_there_is_none(self, harness: StoreHarness) -> None:
        assert await harness.store.runs.get("run") is None
        assert await harness.store.runs.load("run") is None

    async def test_an_ended_run_tells_how(self, harness: StoreHarness) -> None:
        lease = await harness.running("one")
        harness.advance(3)
        outcome = Outcome(passed=True, score=0.5, notes="fine", metadata={"a": [1]})
        await harness.do(msgspec.structs.replace(harness.finish("one"), outcome=outcome), lease=lease)
        run = await harness.get("one")
        assert (run.status, run.result, run.failure, run.outcome) == ("completed", b'"done"', None, outcome)
        assert (run.completed_at, run.worker_id, run.due_at) == (harness.at, None, None)
        operation = harness.finish("two", "failed")
        await harness.do(operation, lease=await harness.running("two"))
        run = await harness.get("two")
        assert (run.status, run.result, run.failure) == ("failed", None, operation.failure)
        await harness.ended("three", "cancelled")
        assert await harness.status("three") == "cancelled"

    async def test_a_failed_run_that_is_restarted_is_due_at_once(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.do(harness.step(), lease=lease)
        await harness.retaken(lease, "bob")
        lease = await harness.lease("run", "bob")
        await harness.do(harness.finish(status="failed"), lease=lease)
        harness.advance(60)
        run = await harness.do(harness.restart())
        assert run == await harness.get()
        assert (run.status, run.due_at, run.takeovers) == ("queued", harness.at, 0)
        assert (run.failure, run.completed_at) == (None, None)
        [loaded] = await harness.do(harness.claim(await harness.worker("eve")))
        assert loaded.run.token > lease.token

    async def test_a_restart_reopens_the_failed_steps_that_it_names(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        for position, status in (("0", "completed"), ("1", "failed"), ("2", "failed")):
            await harness.do(harness.step(position=position, status=status), lease=lease)
        await harness.do(harness.finish(status="failed"), lease=lease)
        before = await harness.store.steps.list("run")
        harness.advance(60)
        await harness.do(harness.restart(reopen=("0", "2", "7")))
        steps = await harness.store.steps.list("run")
        assert steps[:2] == before[:2]
        assert (steps[2].status, steps[2].retry_at, steps[2].attempts) == ("running", harness.at, before[2].attempts)
        await harness.worker("bob")
        await harness.do(harness.step(position="2"), lease=await harness.lease("run", "bob"))

    async def test_only_a_failed_run_is_restarted(self, harness: StoreHarness) -> None:
        await harness.run("queued")
        await harness.running("running")
        await harness.suspended("suspended")
        await harness.ended("completed")
        await harness.ended("cancelled", "cancelled")
        for status in ("queued", "running", "suspended", "completed", "cancelled"):
            before = await harness.everything(status)
            await harness.refused(RunStateWrong, harness.restart(status))
            assert await harness.everything(status) == before
        await harness.refused(RunNotFound, harness.restart("nobody"))

    async def test_a_deleted_run_leaves_nothing(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.do(harness.step(), harness.append("run", 1), harness.ask(), lease=lease)
        await harness.do(harness.emit())
        await harness.do(harness.finish(), lease=lease)
        await harness.do(harness.delete())
        assert (await harness.everything())[:6] == (None, [], [], [], None, [])
        assert await harness.store.questions.get("why") is None
        await harness.run("run")
        loaded = await harness.store.runs.load("run")
        assert loaded is not None
        assert (loaded.steps, loaded.events, loaded.head) == ((), (), 0)

    async def test_only_an_ended_run_is_deleted(self, harness: StoreHarness) -> None:
        await harness.run("queued")
        await harness.running("running")
        await harness.suspended("suspended")
        for status in ("queued", "running", "suspended"):
            before = await harness.everything(status)
            await harness.refused(RunStateWrong, harness.delete(status))
            assert await harness.everything(status) == before
        await harness.refused(RunNotFound, harness.delete("nobody"))

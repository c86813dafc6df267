"""Runs: made once, loaded whole, restarted, deleted."""

from __future__ import annotations

import asyncio

import msgspec

from perdure.core.manifest import Outcome
from perdure.core.records import RunRecord
from perdure.errors import RunInputMismatch, RunNotFound, RunStateWrong
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.world import World


class RunPromises(Promises):
    """CreateRun, FinishRun, RestartRun, DeleteRun, and reading runs."""

    async def test_a_run_comes_back_as_it_was(self, world: World) -> None:
        operation = msgspec.structs.replace(
            world.create(),
            project_id="tax",
            scenario_id="s",
            tenant="t",
            version="2",
            tags={"a": "b"},
            parent_id="parent",
            parent_key="child:run",
        )
        created = await world.do(operation)
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
            due_at=world.at,
            parent_id="parent",
            parent_key="child:run",
            created_at=world.at,
            updated_at=world.at,
        )
        assert await world.get() == created.run

    async def test_a_status_can_be_read_alone(self, world: World) -> None:
        assert await world.store.runs.status("run") is None
        await world.running()
        assert await world.store.runs.status("run") == "running"

    async def test_the_inboxes_of_several_runs_are_read_at_once(self, world: World) -> None:
        await world.run("one")
        await world.run("two")
        await world.do(world.emit("two"))
        assert await world.store.runs.inboxes(("one", "two", "missing")) == {"one": 0, "two": 1}
        assert await world.store.runs.inboxes(()) == {}

    async def test_a_run_is_made_once(self, world: World) -> None:
        await world.running()
        before = await world.get()
        world.advance(1)
        created = await world.do(world.create(manifest=b"[]", workflow="another"))
        assert (created.existed, created.run) == (True, before)
        loaded = await world.store.runs.load("run")
        assert loaded is not None
        assert loaded.manifest == b"{}"
        assert await world.get() == before

    async def test_of_many_who_make_a_run_one_makes_it(self, world: World) -> None:
        landed = await asyncio.gather(*(world.store.commit(world.create()) for _ in range(20)))
        assert [one[0].existed for one in landed].count(False) == 1

    async def test_one_id_is_one_input(self, world: World) -> None:
        await world.running()
        before = await world.everything()
        error = await world.refused(RunInputMismatch, world.create(manifest_hash="another"))
        assert isinstance(error, RunInputMismatch)
        assert (error.run_id, error.found, error.given) == ("run", "hash", "another")
        assert await world.everything() == before

    async def test_ids_are_compared_as_they_are(self, world: World) -> None:
        ids = ["a", "A", "a/b", "../a", "a:b", "a%2Fb", "ä", "a\u0308", " a", "a" * 512]
        for run_id in ids:
            assert not (await world.do(world.create(run_id))).existed
        assert sorted(run.run_id for run in await world.store.runs.list()) == sorted(ids)

    async def test_a_run_that_is_not_there_is_none(self, world: World) -> None:
        assert await world.store.runs.get("run") is None
        assert await world.store.runs.load("run") is None

    async def test_an_ended_run_tells_how(self, world: World) -> None:
        lease = await world.running("one")
        world.advance(3)
        outcome = Outcome(passed=True, score=0.5, notes="fine", metadata={"a": [1]})
        await world.do(msgspec.structs.replace(world.finish("one"), outcome=outcome), lease=lease)
        run = await world.get("one")
        assert (run.status, run.result, run.failure, run.outcome) == ("completed", b'"done"', None, outcome)
        assert (run.completed_at, run.worker_id, run.due_at) == (world.at, None, None)
        operation = world.finish("two", "failed")
        await world.do(operation, lease=await world.running("two"))
        run = await world.get("two")
        assert (run.status, run.result, run.failure) == ("failed", None, operation.failure)
        await world.ended("three", "cancelled")
        assert await world.status("three") == "cancelled"

    async def test_a_failed_run_that_is_restarted_is_due_at_once(self, world: World) -> None:
        lease = await world.running("run", "ana")
        await world.do(world.step(), lease=lease)
        await world.retaken(lease, "bob")
        lease = await world.lease("run", "bob")
        await world.do(world.finish(status="failed"), lease=lease)
        world.advance(60)
        run = await world.do(world.restart())
        assert run == await world.get()
        assert (run.status, run.due_at, run.takeovers) == ("queued", world.at, 0)
        assert (run.failure, run.completed_at) == (None, None)
        [loaded] = await world.do(world.claim(await world.worker("eve")))
        assert loaded.run.token > lease.token

    async def test_a_restart_reopens_the_failed_steps_that_it_names(self, world: World) -> None:
        lease = await world.running()
        for position, status in (("0", "completed"), ("1", "failed"), ("2", "failed")):
            await world.do(world.step(position=position, status=status), lease=lease)
        await world.do(world.finish(status="failed"), lease=lease)
        before = await world.store.steps.list("run")
        world.advance(60)
        await world.do(world.restart(reopen=("0", "2", "7")))
        steps = await world.store.steps.list("run")
        assert steps[:2] == before[:2]
        assert (steps[2].status, steps[2].retry_at, steps[2].attempts) == ("running", world.at, before[2].attempts)
        await world.worker("bob")
        await world.do(world.step(position="2"), lease=await world.lease("run", "bob"))

    async def test_only_a_failed_run_is_restarted(self, world: World) -> None:
        await world.run("queued")
        await world.running("running")
        await world.suspended("suspended")
        await world.ended("completed")
        await world.ended("cancelled", "cancelled")
        for status in ("queued", "running", "suspended", "completed", "cancelled"):
            before = await world.everything(status)
            await world.refused(RunStateWrong, world.restart(status))
            assert await world.everything(status) == before
        await world.refused(RunNotFound, world.restart("nobody"))

    async def test_a_deleted_run_leaves_nothing(self, world: World) -> None:
        lease = await world.running()
        await world.do(world.step(), world.append("run", 1), world.ask(), lease=lease)
        await world.do(world.emit())
        await world.do(world.finish(), lease=lease)
        await world.do(world.delete())
        assert (await world.everything())[:6] == (None, [], [], [], None, [])
        assert await world.store.questions.get("why") is None
        await world.run("run")
        loaded = await world.store.runs.load("run")
        assert loaded is not None
        assert (loaded.steps, loaded.events, loaded.head) == ((), (), 0)

    async def test_only_an_ended_run_is_deleted(self, world: World) -> None:
        await world.run("queued")
        await world.running("running")
        await world.suspended("suspended")
        for status in ("queued", "running", "suspended"):
            before = await world.everything(status)
            await world.refused(RunStateWrong, world.delete(status))
            assert await world.everything(status) == before
        await world.refused(RunNotFound, world.delete("nobody"))

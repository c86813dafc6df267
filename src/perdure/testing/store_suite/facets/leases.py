"""Leases: who takes a run, who may not, and that the token grows each time."""

from __future__ import annotations

import asyncio

from perdure.core.operations import TakeRun
from perdure.core.records import Lease, RunRecord
from perdure.errors import LeaseHeld, LeaseLost, RunNotFound, RunStateWrong, WorkerExpired
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import GO
from perdure.testing.store_suite.worker_operations import LEASE_FOR


class LeasePromises(Promises):
    """TakeRun."""

    async def test_a_run_that_is_taken_is_given_under_a_raised_token_with_its_manifest(
        self, harness: StoreHarness
    ) -> None:
        await harness.worker("ana")
        await harness.do(harness.create(manifest=b'{"n":1}'))
        before = await harness.get()
        operation = harness.take("run", "ana")
        taken = await harness.do(operation)
        assert (taken.run.status, taken.run.worker_id, taken.run.ready_at) == ("running", "ana", None)
        assert (taken.run.claim_id, taken.run.leased_at) == (operation.claim_id, harness.clock.lease_at)
        assert taken.run.token > before.token
        assert taken.manifest == b'{"n":1}'
        assert await harness.get() == taken.run

    async def test_what_was_committed_is_in_the_journal(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        await harness.store.commit(lease, harness.step("0"), harness.step("1"), harness.append(1, 2))
        await harness.do(harness.emit())
        await harness.running("new")
        await harness.lease("run", "ana")
        journal, new, gone = await harness.store.runs.journals(
            [await harness.get(), await harness.get("new"), await self._deleted(harness)]
        )
        assert sorted(step.position for step in journal.steps) == ["0", "1"]
        assert [event.key for event in journal.events] == [GO]
        assert (journal.inbox, journal.head) == (1, 2)
        assert (new.steps, new.events, new.inbox, new.head) == (gone.steps, gone.events, gone.inbox, gone.head)
        assert (gone.steps, gone.events, gone.inbox, gone.head) == ((), (), 0, 0)

    async def test_the_journal_of_a_runs_first_holder_is_read_whole_as_well(self, harness: StoreHarness) -> None:
        lease = await harness.running()
        assert lease.token == 1
        await harness.store.commit(lease, harness.step("0"), harness.append(1, 2))
        [running] = await harness.store.runs.journals([await harness.get()])
        await harness.store.commit(lease, harness.finish())
        [ended] = await harness.store.runs.journals([await harness.get()])
        for journal in (running, ended):
            assert [step.position for step in journal.steps] == ["0"]
            assert (journal.inbox, journal.head) == (0, 2)

    async def test_a_run_that_waits_is_taken_all_the_same(self, harness: StoreHarness) -> None:
        await harness.suspended("timer", due_in=3600)
        await harness.suspended("event")
        for run_id in ("timer", "event"):
            run = (await harness.do(harness.take(run_id, "ana"))).run
            assert (run.status, run.due_at, run.waiting_for) == ("running", None, ())

    async def test_a_run_of_a_worker_that_lives_is_held(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        await harness.worker("bob")
        harness.advance(LEASE_FOR - 1)
        await harness.do(harness.renew("bob"))
        error = await harness.refused(LeaseHeld, harness.take("run", "bob"))
        assert isinstance(error, LeaseHeld)
        assert (error.run_id, error.holder, error.expires_at) == ("run", "ana", harness.after(1))

    async def test_a_run_is_free_when_the_lease_of_its_holder_ends_now(self, harness: StoreHarness) -> None:
        await harness.worker("ana", stall_limit=LEASE_FOR)
        lease = await harness.running("run", "ana")
        harness.advance(LEASE_FOR)
        await harness.worker("bob")
        assert (await harness.lease("run", "bob")).token > lease.token
        await harness.commit_refused(LeaseLost, lease, harness.step())

    async def test_the_same_worker_takes_again_under_a_raised_token(self, harness: StoreHarness) -> None:
        first = await harness.running("run", "ana")
        second = await harness.lease("run", "ana")
        assert second.token > first.token
        await harness.commit_refused(LeaseLost, first, harness.step())
        await harness.commit(second, harness.step())

    async def test_a_worker_whose_lease_has_ended_takes_nothing(self, harness: StoreHarness) -> None:
        await harness.run()
        await harness.worker("ana")
        harness.advance(LEASE_FOR)
        await harness.refused(WorkerExpired, harness.take("run", "ana"))
        await harness.refused(WorkerExpired, harness.take("run", "nobody"))

    async def test_a_run_that_has_ended_is_not_taken(self, harness: StoreHarness) -> None:
        for status in ("completed", "failed", "cancelled"):
            await harness.ended(status, status)
            await harness.refused(RunStateWrong, harness.take(status, "ana"))

    async def test_a_run_that_is_being_cancelled_is_not_taken(self, harness: StoreHarness) -> None:
        await harness.running("run", "ana")
        await harness.do(harness.cancel())
        await harness.worker("bob")
        await harness.refused(RunStateWrong, harness.take("run", "bob"))

    async def test_a_run_that_is_not_there_is_not_taken(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        await harness.refused(RunNotFound, harness.take("run", "ana"))

    async def test_of_many_who_take_a_run_one_holds_it(self, harness: StoreHarness) -> None:
        workers = [await harness.worker(f"worker-{number}") for number in range(20)]

        async def start(take: TakeRun) -> str:
            await harness.store.execute(harness.create())
            return (await harness.store.execute(take)).run.worker_id

        takes = [harness.take("run", worker_id) for worker_id in workers]
        started = await asyncio.gather(*map(start, takes), return_exceptions=True)
        holders = [one for one in started if not isinstance(one, BaseException)]
        refusals = [type(one) for one in started if isinstance(one, BaseException)]
        assert len(holders) == 1
        assert refusals == [LeaseHeld] * 19
        assert (await harness.get()).worker_id == holders[0]

    async def test_a_token_only_grows(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        tokens = [lease.token]
        await harness.commit(lease, harness.release())
        [claimed] = await harness.do(harness.claim("ana"))
        tokens.append(claimed.run.token)
        await harness.commit(Lease(None, "run", claimed.run.token), harness.suspend(due_in=0))
        [claimed] = await harness.do(harness.claim("ana"))
        tokens.append(claimed.run.token)
        lease = await harness.lease("run", "ana")
        tokens.append(lease.token)
        lease = await harness.retaken(lease, "bob")
        tokens.append(lease.token)
        assert tokens == sorted(set(tokens))

    @staticmethod
    async def _deleted(harness: StoreHarness) -> RunRecord:
        await harness.ended("gone")
        run = await harness.get("gone")
        await harness.do(harness.delete("gone"))
        return run

"""Claims: what is claimable is claimed in order, once, whatever the clocks say."""

from __future__ import annotations

import asyncio

from perdure.core.records import Lease
from perdure.core.suspicion import SUSPECT_AT
from perdure.errors import WorkerExpired
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.facets.suspicion import killed
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import DIVERGED
from perdure.testing.store_suite.worker_operations import LEASE_FOR

HOUR = 3600.0


async def queue_up(harness: StoreHarness, *run_ids: str, queue: str = "default", workflow: str = "flow") -> None:
    """Make runs, a second apart."""
    for run_id in run_ids:
        await harness.do(harness.create(run_id, queue=queue, workflow=workflow))
        harness.advance(1)


async def park(harness: StoreHarness, run_id: str, queue: str = "default") -> None:
    """A run that is parked."""
    lease = await harness.running(run_id, like=harness.create(queue=queue))
    await harness.commit(lease, harness.suspend(parked=DIVERGED))


class ClaimPromises(Promises):
    """Claim."""

    async def test_the_longest_claimable_is_claimed_first(self, harness: StoreHarness) -> None:
        await queue_up(harness, "b", "a")
        await harness.suspended("timer", "bob", due_in=1)
        harness.advance(1)
        await queue_up(harness, "c")
        await harness.worker("ana")
        assert await harness.claimed("ana") == ["b", "a", "timer", "c"]

    async def test_the_longest_claimable_of_all_queues_is_claimed_first(self, harness: StoreHarness) -> None:
        await queue_up(harness, "old", queue="two")
        await queue_up(harness, "new", queue="one")
        await harness.worker("ana")
        both = (("one", None), ("two", None))
        assert await harness.claimed("ana", queues=both, limit=1) == ["old"]
        assert await harness.claimed("ana", queues=both, limit=1) == ["new"]

    async def test_what_is_claimed_is_leased_under_a_raised_token(self, harness: StoreHarness) -> None:
        await harness.do(harness.create(manifest=b"[1]"))
        before = await harness.get()
        await harness.worker("ana")
        operation = harness.claim("ana")
        [claimed] = await harness.do(operation)
        assert claimed.run == await harness.get()
        assert (claimed.run.status, claimed.run.worker_id, claimed.run.ready_at) == ("running", "ana", None)
        assert (claimed.run.claim_id, claimed.run.leased_at) == (operation.claim_id, harness.clock.lease_at)
        assert claimed.run.token > before.token
        assert claimed.manifest == b"[1]"
        await harness.commit(Lease(None, "run", claimed.run.token), harness.step())

    async def test_a_timer_is_not_claimed_before_its_time(self, harness: StoreHarness) -> None:
        await harness.suspended("timer", due_in=5)
        await harness.suspended("event")
        harness.advance(4.5)
        assert await harness.claimed("ana") == []
        harness.advance(0.5)
        assert await harness.claimed("ana") == ["timer"]
        assert await harness.status("event") == "suspended"

    async def test_a_timer_follows_the_wall_clock(self, harness: StoreHarness) -> None:
        await harness.suspended("timer", due_in=HOUR)
        harness.jump(HOUR)
        assert await harness.claimed("ana") == ["timer"]

    async def test_what_is_queued_is_claimable_whatever_the_wall_clock_says(self, harness: StoreHarness) -> None:
        await harness.worker("ana")
        for jump in (-HOUR, HOUR):
            await harness.run(f"made {jump}")
            await harness.suspended(f"woken {jump}", "ana")
            await harness.do(harness.emit(f"woken {jump}"))
            released = await harness.running(f"released {jump}", "ana")
            await harness.commit(released, harness.release())
            await harness.ended(f"restarted {jump}", "failed")
            await harness.do(harness.restart(f"restarted {jump}"))
            harness.jump(jump)
            claimed = await harness.claimed("ana")
            assert sorted(claimed) == sorted(f"{how} {jump}" for how in ("made", "woken", "released", "restarted"))

    async def test_a_parked_run_is_not_claimed(self, harness: StoreHarness) -> None:
        lease = await harness.running("parked")
        await harness.commit(lease, harness.suspend(parked=DIVERGED))
        await harness.do(harness.emit("parked"))
        harness.advance(HOUR)
        await harness.worker("ana")
        assert await harness.claimed("ana") == []
        assert [run.run_id for run in await harness.store.runs.parked(("default",), ("flow",))] == ["parked"]
        assert await harness.store.runs.parked(("default",), ("another",)) == []
        assert await harness.store.runs.parked(("another",), ("flow",)) == []
        await harness.lease("parked")
        assert (await harness.get("parked")).failure is None
        assert await harness.store.runs.parked(("default",), ("flow",)) == []

    async def test_parked_runs_are_read_in_pages(self, harness: StoreHarness) -> None:
        names = [f"run-{number}" for number in range(7)]
        for number, run_id in enumerate(names):
            await park(harness, run_id)
            harness.advance(number % 2)  # some are of one instant
        found, after = list[str](), None
        while page := await harness.store.runs.parked(("default",), ("flow",), after=after, limit=2):
            assert len(page) <= 2
            found += [run.run_id for run in page]
            after = (page[-1].created_at, page[-1].run_id, page[-1].tenant or "")
        assert found == names

    async def test_parked_runs_that_are_named_are_claimed_by_the_rules_of_every_claim(
        self, harness: StoreHarness
    ) -> None:
        for run_id in ("a", "b", "c"):
            await park(harness, run_id)
        await park(harness, "slow", queue="slow")
        await harness.run("queued")
        await harness.worker("bob")
        named = ("c", "b", "a", "slow", "queued", "nothing")
        assert await harness.claimed("bob", parked=named, workflows=("another",)) == []
        assert await harness.claimed("bob", parked=named, queues=(("default", 2),)) == ["c", "b"]
        assert (await harness.get("c")).failure is None
        assert await harness.claimed("bob", parked=named, queues=(("default", 2),)) == []
        operation = harness.claim("bob", parked=named, queues=(("default", 3), ("slow", None)))
        assert [one.run.run_id for one in await harness.do(operation)] == ["a", "slow"]
        assert [one.run.run_id for one in await harness.do(operation)] == ["a", "slow"]
        assert await harness.status("queued") == "queued"

    async def test_no_parked_run_is_claimed_beside_a_suspect(self, harness: StoreHarness) -> None:
        await park(harness, "parked")
        await harness.run("suspect")
        await killed(harness, "suspect", times=SUSPECT_AT)
        await harness.worker("bob")
        assert await harness.claimed("bob") == ["suspect"]
        assert await harness.claimed("bob", parked=("parked",)) == []

    async def test_only_the_workflows_that_are_named_are_claimed(self, harness: StoreHarness) -> None:
        for workflow in ("one", "two", "three"):
            await queue_up(harness, workflow, workflow=workflow)
        await harness.worker("ana")
        assert await harness.claimed("ana", workflows=("three", "one")) == ["one", "three"]
        assert await harness.claimed("ana", workflows=()) == []
        assert await harness.status("two") == "queued"

    async def test_only_the_queues_that_are_named_are_claimed(self, harness: StoreHarness) -> None:
        await queue_up(harness, "one", queue="one")
        await queue_up(harness, "two", queue="two")
        await harness.worker("ana")
        assert await harness.claimed("ana", queues=(("two", None),)) == ["two"]
        assert await harness.claimed("ana", queues=()) == []

    async def test_no_more_are_claimed_than_were_asked_for(self, harness: StoreHarness) -> None:
        await queue_up(harness, "a", "b", "c")
        await harness.worker("ana")
        assert await harness.claimed("ana", limit=2) == ["a", "b"]
        assert await harness.claimed("ana", limit=0) == []

    async def test_each_run_is_claimed_once(self, harness: StoreHarness) -> None:
        run_ids = [f"run-{number}" for number in range(20)]
        await queue_up(harness, *run_ids)
        workers = [await harness.worker(f"worker-{number}") for number in range(8)]
        claims = [harness.store.execute(harness.claim(worker_id, limit=4)) for worker_id in workers]
        claimed = [one.run.run_id for landed in await asyncio.gather(*claims) for one in landed]
        assert sorted(claimed) == sorted(run_ids)

    async def test_a_worker_whose_lease_has_ended_claims_nothing(self, harness: StoreHarness) -> None:
        await harness.run()
        await harness.worker("ana")
        harness.advance(LEASE_FOR)
        await harness.refused(WorkerExpired, harness.claim("ana"))
        await harness.refused(WorkerExpired, harness.claim("nobody"))

    async def test_a_claim_that_comes_again_gives_the_same_runs_and_no_more(self, harness: StoreHarness) -> None:
        await queue_up(harness, "a", "b", "c")
        await harness.worker("ana")
        operation = harness.claim("ana", limit=2)
        first = await harness.do(operation)
        harness.advance(LEASE_FOR)
        before = await harness.everything()
        again = await harness.do(operation)
        assert again == first
        assert [one.run.run_id for one in again] == ["a", "b"]
        assert await harness.everything() == before

    async def test_what_a_lost_claim_leaves_is_named_by_the_renewal(self, harness: StoreHarness) -> None:
        await queue_up(harness, "a", "b")
        await harness.worker("ana")
        await harness.do(harness.claim("ana"))  # its answer is lost
        assert sorted(await harness.do(harness.renew("ana", executing=()))) == [(None, "a"), (None, "b")]

"""Suspicion: what the deaths of its workers say of a run, and that nothing else says it.

See `core.suspicion`.
"""

from __future__ import annotations

from perdure.core.records import Lease, Suspicion
from perdure.core.suspicion import ALONE_AT, POISONED_AT, SUSPECT_AT, TRIAL_FOR
from perdure.core.values import Value
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness


async def killed(harness: StoreHarness, *run_ids: str, times: int = 1) -> None:
    """Let a worker of its own take these runs together and die with them, so often."""
    for _ in range(times):
        worker_id = await harness.mortal(f"mortal-{harness.next_number()}")
        for run_id in run_ids:
            await harness.lease(run_id, worker_id)
        assert sorted(await harness.die(worker_id)) == sorted(run_ids)


async def killed_alone(harness: StoreHarness, run_id: str, times: int = 1) -> None:
    """Let a worker of its own claim a run that is queued, with nothing else, and die, so often."""
    for _ in range(times):
        worker_id = await harness.mortal(f"mortal-{harness.next_number()}")
        assert await harness.claimed(worker_id, limit=1) == [run_id]
        await harness.die(worker_id)


async def suspicion(harness: StoreHarness, run_id: str = "run") -> Suspicion:
    """What is known of a run."""
    return (await harness.get(run_id)).suspicion or Suspicion()


class SuspicionPromises(Promises):
    """What TakeOver counts, and what Claim makes of it."""

    async def test_a_death_counts_against_every_run_of_its_worker(self, harness: StoreHarness) -> None:
        await harness.run("one")
        await harness.run("two")
        await killed(harness, "one", "two")
        assert [(await suspicion(harness, run_id)).deaths for run_id in ("one", "two")] == [1, 1]

    async def test_what_is_no_death_is_not_counted(self, harness: StoreHarness) -> None:
        lease = await harness.running("run", "ana")
        await harness.commit(lease, harness.release())
        await harness.lease("run", "ana")
        await harness.lease("run", "ana")
        await harness.do(harness.retire("ana"))
        assert await suspicion(harness) == Suspicion()
        if harness.abilities.proves_death:  # elsewhere the end of a lease is all that is known of a death
            await harness.worker("bob")
            await harness.lease("run", "bob")
            await harness.lapse("bob")
            await harness.worker("bob")
            await harness.lease("run", "bob")
            await harness.worker("bob")
            assert (await harness.get()).status == "queued"
            assert await suspicion(harness) == Suspicion()

    async def test_progress_takes_suspicion_back(self, harness: StoreHarness) -> None:
        await harness.run()
        for progress in (harness.step(), harness.append(1), harness.replace(2), harness.suspend()):
            await killed(harness, "run")
            assert (await suspicion(harness)).deaths == 1
            await harness.worker("ana")
            await harness.commit(await harness.lease("run", "ana"), progress)
            assert (await harness.get()).suspicion is None
            await harness.do(harness.retire("ana"))

    async def test_what_is_no_progress_leaves_suspicion(self, harness: StoreHarness) -> None:
        await harness.run()
        await killed(harness, "run")
        await harness.worker("ana")
        lease = await harness.lease("run", "ana")
        await harness.do(harness.emit())
        for nothing in (
            harness.step(status="running"),
            harness.step(status="in_doubt"),
            harness.ask(),
            harness.usage(),
            harness.reset(1),
            harness.release(),
        ):
            await harness.commit(lease, nothing)
            assert (await suspicion(harness)).deaths == 1

    async def test_a_suspect_is_claimed_with_nothing_else(self, harness: StoreHarness) -> None:
        await harness.run("suspect")
        await killed(harness, "suspect", times=SUSPECT_AT)
        await harness.run("other")
        await harness.worker("ana")
        await harness.worker("bob")
        assert await harness.claimed("ana") == ["suspect"]
        known = await suspicion(harness, "suspect")
        assert (known.alone, known.trial_until) == (True, harness.clock.lease_at + TRIAL_FOR)
        assert await harness.claimed("ana") == []
        assert await harness.claimed("bob") == ["other"]

    async def test_nothing_is_claimed_beside_a_trial_until_it_is_over(self, harness: StoreHarness) -> None:
        await harness.run("suspect")
        await killed(harness, "suspect", times=SUSPECT_AT)
        await harness.worker("ana")
        assert await harness.claimed("ana") == ["suspect"]
        harness.advance(TRIAL_FOR - 0.1)
        assert await harness.claimed("ana") == []
        harness.advance(0.1)
        assert await harness.claimed("ana") == []
        assert (await suspicion(harness, "suspect")).alone  # nothing was claimed: nothing is beside it
        await harness.run("other")
        assert await harness.claimed("ana") == ["other"]
        assert not (await suspicion(harness, "suspect")).alone

    async def test_a_trial_lasts_twice_as_long_as_the_run_had_run_at_its_last_death(
        self, harness: StoreHarness
    ) -> None:
        await harness.run("suspect")
        await killed(harness, "suspect")
        worker_id = await harness.mortal("bob")
        await harness.lease("suspect", worker_id)
        harness.advance(7)
        await harness.die(worker_id)
        await harness.worker("ana")
        assert await harness.claimed("ana") == ["suspect"]
        assert (await suspicion(harness, "suspect")).trial_until == harness.clock.lease_at + 14

    async def test_a_trial_ends_with_progress(self, harness: StoreHarness) -> None:
        await harness.run("suspect")
        await killed(harness, "suspect", times=SUSPECT_AT)
        await harness.worker("ana")
        [claimed] = await harness.do(harness.claim("ana"))
        await harness.run("other")
        assert await harness.claimed("ana") == []
        await harness.commit(Lease(None, "suspect", claimed.run.token), harness.step())
        assert await harness.claimed("ana") == ["other"]

    async def test_a_run_that_must_be_alone_waits_for_an_empty_worker(self, harness: StoreHarness) -> None:
        await harness.run("suspect")
        await killed(harness, "suspect", times=ALONE_AT)
        await harness.worker("ana")
        await harness.running("busy", "ana")
        for limit in (1, 10):
            assert await harness.claimed("ana", limit=limit) == []
            await harness.run(f"healthy-{limit}")  # it is not held up by the suspect before it
            assert await harness.claimed("ana", limit=limit) == [f"healthy-{limit}"]
        await harness.worker("bob")
        assert await harness.claimed("bob") == ["suspect"]

    async def test_it_is_known_since_when_a_run_waits_for_an_empty_worker(self, harness: StoreHarness) -> None:
        async def since(*queues: str, workflow: str = "flow") -> Value:
            return await harness.store.queues.alone_since(queues, (workflow,))

        for run_id in ("first", "second", "third"):
            await harness.run(run_id)
        await killed(harness, "third", times=ALONE_AT - 1)
        assert await since("default") is None
        await killed(harness, "first", times=ALONE_AT)
        began = harness.at
        harness.advance(5)
        await killed(harness, "second", times=ALONE_AT)
        assert await since("default") == began
        assert await since("other", "default") == began
        assert await since("other") is None
        assert await since("default", workflow="another") is None
        await harness.worker("ana")
        assert await harness.claimed("ana") == ["first"]
        assert await since("default") == harness.at

    async def test_only_deaths_alone_make_a_run_poisoned(self, harness: StoreHarness) -> None:
        await harness.run("run")
        await harness.run("other")
        await killed(harness, "run", "other", times=POISONED_AT + ALONE_AT)
        assert (await suspicion(harness)).deaths_alone == 0
        assert await harness.status("run") == "queued"

    async def test_a_run_that_dies_alone_too_often_is_failed_as_poisoned(self, harness: StoreHarness) -> None:
        await harness.run("run")
        await killed(harness, "run", times=SUSPECT_AT)
        await killed_alone(harness, "run", times=POISONED_AT - 1)
        assert await harness.status("run") == "queued"
        await killed_alone(harness, "run")
        run = await harness.get()
        assert (run.status, run.completed_at, run.worker_id) == ("failed", harness.at, None)
        assert run.failure is not None
        assert run.failure.reason == "poisoned"

    async def test_a_run_beside_others_by_name_is_not_alone(self, harness: StoreHarness) -> None:
        """TakeRun leases whatever its worker holds: what it takes, and what is on trial there, is not alone then."""
        await harness.run("suspect")
        await killed(harness, "suspect", times=SUSPECT_AT)
        await harness.worker("ana")
        assert await harness.claimed("ana") == ["suspect"]
        await harness.run("other")
        await harness.lease("other", "ana")
        assert not (await suspicion(harness, "suspect")).alone
        await harness.run("third")
        await killed(harness, "third", times=SUSPECT_AT)
        await harness.lease("third", "ana")
        assert not (await suspicion(harness, "third")).alone

    async def test_a_restart_forgets_the_deaths(self, harness: StoreHarness) -> None:
        await harness.run("run")
        await killed(harness, "run", times=SUSPECT_AT)
        await killed_alone(harness, "run", times=POISONED_AT)
        await harness.do(harness.restart())
        assert (await harness.get()).suspicion is None

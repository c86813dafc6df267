"""A run that kills its workers: it is found and failed, and takes no healthy run with it."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from perdure.core.records import Lease
from perdure.core.suspicion import TRIAL_FOR
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.harness import StoreHarness

BAD = "bad"
MOST_DEATHS = 8
SLOTS = 10


class Scenario(NamedTuple):
    """How many healthy runs there are, which one is queued before the bad one, and after how long that one kills.

    Units: seconds of lease time.
    """

    healthy_runs: int
    place: int
    kills_after: float
    works_for: float
    """How long a healthy run needs for its one step."""


class Fleet:
    """Workers that claim what there is, and die with what they hold when the bad run kills them."""

    def __init__(self, harness: StoreHarness, scenario: Scenario, workers: int, seed: int) -> None:
        self.harness, self.scenario, self.random = harness, scenario, Random(seed)
        self.workers = workers
        self.held: dict[str, dict[str, tuple[Lease, float]]] = {}
        self.deaths = self._count = 0

    async def work(self) -> None:
        """Go on until nothing is left to do."""
        harness = self.harness
        for _ in range(1000):
            while len(self.held) < self.workers:  # whoever died is started again at once
                self._count += 1
                self.held[await harness.mortal(f"worker-{self._count}")] = {}
            for worker_id in list(self.held):
                await harness.do(harness.renew(worker_id))
                await self._claim(worker_id)
            if not any(self.held.values()) and not await self._is_anything_left():
                return
            harness.advance(0.25)
            for worker_id in list(self.held):
                await self._execute(worker_id)
        raise AssertionError("the runs do not come to an end")

    async def _is_anything_left(self) -> bool:
        return bool(await self.harness.store.runs.list(tenant=None, status=("queued", "running"), limit=1))

    async def _claim(self, worker_id: str) -> None:
        held = self.held[worker_id]
        claim = self.harness.claim(worker_id, limit=SLOTS - len(held))
        for one in await self.harness.do(claim):
            held[one.run.run_id] = (Lease(None, one.run.run_id, one.run.token), self.harness.clock.lease_at)

    async def _execute(self, worker_id: str) -> None:
        held, now = self.held[worker_id], self.harness.clock.lease_at
        if BAD in held and now - held[BAD][1] >= self.scenario.kills_after:
            self.deaths += 1
            assert self.deaths <= MOST_DEATHS
            del self.held[worker_id]
            await self.harness.die(worker_id)
            return
        for run_id, (lease, since) in list(held.items()):
            if run_id != BAD and now - since >= self.scenario.works_for:
                await self.harness.store.commit(lease, self.harness.step(), self.harness.finish())
                del held[run_id]


async def play(harness: StoreHarness, scenario: Scenario, *, workers: int = 1, seed: int = 0) -> Fleet:
    """Queue the runs, and let the workers work."""
    for number in range(scenario.healthy_runs + 1):
        await harness.run(BAD if number == scenario.place else f"healthy-{number}")
    fleet = Fleet(harness, scenario, workers, seed)
    await fleet.work()
    return fleet


class PoisonPromises(Promises):
    """What Claim, TakeOver and progress come to, over many deaths."""

    async def _finds_the_killer(self, harness: StoreHarness, scenario: Scenario, *, workers: int = 1) -> None:
        fleet = await play(harness, scenario, workers=workers)
        runs = await harness.store.runs.list(tenant=None, limit=1000)
        statuses = {run.run_id: run.status for run in runs}
        assert statuses.pop(BAD) == "failed"
        assert set(statuses.values()) == {"completed"}
        assert fleet.deaths <= MOST_DEATHS

    async def test_a_run_that_kills_at_once_is_failed_and_no_other(self, harness: StoreHarness) -> None:
        await self._finds_the_killer(harness, Scenario(30, 0, 0.25, 0.5))

    async def test_a_run_that_kills_at_once_and_was_queued_last_is_failed_and_no_other(
        self, harness: StoreHarness
    ) -> None:
        await self._finds_the_killer(harness, Scenario(30, 30, 0.25, 0.5))

    async def test_a_run_that_kills_after_a_while_is_failed_and_no_other(self, harness: StoreHarness) -> None:
        await self._finds_the_killer(harness, Scenario(20, 7, 3 * TRIAL_FOR, 1.0))

    async def test_healthy_runs_that_take_longer_than_the_killer_are_not_failed(self, harness: StoreHarness) -> None:
        await self._finds_the_killer(harness, Scenario(15, 3, 1.0, 4.0))

    async def test_several_workers_find_the_killer(self, harness: StoreHarness) -> None:
        await self._finds_the_killer(harness, Scenario(30, 5, 0.5, 1.0), workers=3)

    async def test_workers_that_stop_and_stall_fail_nobody(self, harness: StoreHarness) -> None:
        """However often workers are drained, retired, or released."""
        for number in range(5):
            await harness.run(f"run-{number}")
        for _ in range(12):
            await harness.worker("ana")
            claimed = await harness.do(harness.claim("ana"))
            assert len(claimed) == 5
            for one in claimed[:2]:
                await harness.commit(Lease(None, one.run.run_id, one.run.token), harness.release())
            await harness.do(harness.retire("ana"))
        assert {run.suspicion for run in await harness.store.runs.list(tenant=None)} == {None}

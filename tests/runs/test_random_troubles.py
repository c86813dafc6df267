"""Random programs once more, on several workers at once, in every trouble that is no death of the one worker.

Workers come and go: some die, some stop politely or at once, some lose the way to the store for longer than a lease,
some can't start a thread, some hear nothing and go on past their lease without knowing it: only the fence holds those.
Events are emitted twice. The same promises hold, on memory and on SQLite.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from perdure.core.ids import new_id
from perdure.runs.handles import Run
from perdure.runs.heartbeat import STALL_LIMIT
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.testing.clock import FakeClock
from perdure.testing.dying import running_process
from perdure.testing.faulty import FaultyStore
from perdure.testing.wrapped import RunKeys, WrappedStore
from tests.runs.cluster import Cluster, SimulatedWorker
from tests.runs.programs import events_of
from tests.runs.test_random_programs import LEASE_FOR, Machine, end_of, fault_of

PROGRAMS = int(os.environ.get("PERDURE_FUZZ", "1000")) // 10
BATCHES = 5
TURNS = 600
TROUBLED_TURNS = 60

# Seeds that once found a bug.
REGRESSIONS = list[int]()


class Unresponsive(WrappedStore):
    """A worker's way to the store: while it is unresponsive, renewals get lost and no news comes."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.unresponsive = False
        self.was_unresponsive = False

    def around_renewal(self, operation: Any, renew: Callable[[], RunKeys]) -> RunKeys:
        return () if self.unresponsive else renew()

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        return super().listen(topic, lambda: None if self.unresponsive else callback())


class Troubles(NamedTuple):
    """A worker, and what can be done to it."""

    simulated: SimulatedWorker
    unresponsive: Unresponsive
    faulty: FaultyStore


class Troubled(Machine):
    """Runs one program on up to three workers that are in trouble, then on one that is not."""

    def __init__(self, seed: int, cluster: Cluster) -> None:
        super().__init__(seed, cluster)
        self.workers: list[Troubles] = []
        self.stops: list[asyncio.Task[None]] = []

    def may_repeat(self) -> bool:
        process = running_process()
        store: Store | None = process.store if process is not None else None
        while isinstance(store, WrappedStore) and not isinstance(store, Unresponsive):
            store = store.inner
        return isinstance(store, Unresponsive) and store.was_unresponsive

    async def play(self) -> str:
        run = await self.cluster.client.start(self.workflow, self.program, run_id=new_id("run"))
        late = list(events_of(self.program))
        self.random.shuffle(late)
        for turn in range(TURNS):
            if turn < TROUBLED_TURNS:
                await self.trouble()
            elif turn == TROUBLED_TURNS:
                await self.peace()
            if late and self.random.random() < 0.3:
                await self.emit(run, late)
            await self.cluster.clock.advance(self.random.choice([0.01, 0.2, 0.5, 1.0]))
            if (await run.record()).status in {"completed", "failed"}:
                return await end_of(run.result())
        return f"never ended: {await run.record()}"

    async def emit(self, run: Run[Any], late: list[str]) -> None:
        key = late[-1]
        await run.emit_event(key, f"heard {key}")
        if self.random.random() < 0.7:
            late.pop()

    async def trouble(self) -> None:
        choice = self.random.random()
        if len(self.workers) < 3 and (not self.workers or choice < 0.25):
            await self.begin()
            return
        at = self.random.randrange(len(self.workers))
        worker, unresponsive, faulty = self.workers[at]
        if choice < 0.35:
            await worker.process.kill()
            del self.workers[at]
        elif choice < 0.45:
            faulty.is_down = False
            self.stops.append(worker.process.run(worker.worker.stop(at_once=choice < 0.4)))
            del self.workers[at]
        elif choice < 0.6:
            faulty.is_down = not faulty.is_down
        elif choice < 0.7:
            unresponsive.unresponsive = not unresponsive.unresponsive
            unresponsive.was_unresponsive = True

    async def begin(self) -> None:
        """One more worker; whoever does not renew loses its runs when its lease has ended, or keeps them longer."""
        faulty = FaultyStore(self.cluster.store, self.fault)
        cut_off, stall_limit = Unresponsive(faulty), self.random.choice([LEASE_FOR, STALL_LIMIT])
        options: dict[str, Any] = {"lease_for": LEASE_FOR, "stall_limit": stall_limit, "grace": 1.0}
        self.workers.append(Troubles(await self.cluster.start_worker(store=cut_off, **options), cut_off, faulty))

    async def peace(self) -> None:
        """Those in trouble recover, and there is one that never was."""
        self.is_peace = True
        for _, unresponsive, faulty in self.workers:
            unresponsive.unresponsive = faulty.is_down = False
        await self.cluster.start_worker(lease_for=LEASE_FOR)


async def check(seed: int, url: str) -> str | None:
    """What is wrong with the program of a seed, or None."""
    clock = FakeClock()
    cluster = Cluster(await open_store(url, clock=clock), clock, url)
    return await fault_of(seed, Troubled(seed, cluster))


@pytest.mark.fuzz
@pytest.mark.slow
@pytest.mark.timeout(120 + PROGRAMS)
@pytest.mark.parametrize("batch", range(BATCHES))
async def test_random_programs_in_every_trouble_do_what_the_model_says(batch: int, tmp_path: Path) -> None:
    faults = list[str]()
    for seed in range(batch, PROGRAMS, BATCHES):
        fault = await check(seed, "memory:" if seed % 2 else f"sqlite:///{tmp_path}/{seed}.db")
        if fault:
            faults.append(fault)
    assert faults == []


@pytest.mark.parametrize("seed", REGRESSIONS)
async def test_what_was_once_found_stays_mended(seed: int, tmp_path: Path) -> None:
    assert await check(seed, f"sqlite:///{tmp_path}/runs.db") is None

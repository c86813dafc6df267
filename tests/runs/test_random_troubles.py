"""Random programs once more, on several workers at once, in every trouble that is no death of the one worker.

Workers come and go: some die, some stop politely or at once, some lose the way to the store for a while, some hear
nothing and go on past their lease without knowing it: only the fence holds those. Events are emitted twice. The same
promises hold, on memory and on SQLite.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from perdure.core.ids import new_id
from perdure.errors import StoreUnavailable
from perdure.runs.handles import Run
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.testing.clock import FakeClock
from perdure.testing.dying import running_process
from perdure.testing.faulty import Fault, FaultyStore, random_faults
from perdure.testing.wrapped import RunKeys, WrappedStore
from tests.runs.cluster import Cluster, SimulatedWorker
from tests.runs.programs import events_of
from tests.runs.test_random_programs import LEASE_FOR, Machine, end_of, fault_of

PROGRAMS = int(os.environ.get("PERDURE_FUZZ", "1000")) // 10
BATCHES = 5
TURNS = 600
TROUBLED_TURNS = 60
FAULTS = 0.03  # of a worker's calls

# Seeds that once found a bug.
REGRESSIONS = list[int]()


class Shaky(WrappedStore):
    """A worker's way to the store: it can be cut, or deaf, when renewals get lost and no news comes."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.cut = False
        self.deaf = False
        self.was_deaf = False

    def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        if not self.cut:
            return commit()
        failed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        failed.set_exception(StoreUnavailable("cut"))
        return failed

    def around_renewal(self, operation: Any, renew: Callable[[], RunKeys]) -> RunKeys:
        if self.cut:
            raise StoreUnavailable("cut")
        return () if self.deaf else renew()

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        return super().listen(topic, lambda: None if self.deaf else callback())


class Troubled(Machine):
    """Runs one program on up to three workers that are in trouble, then on one that is not."""

    def __init__(self, seed: int, cluster: Cluster) -> None:
        super().__init__(seed, cluster)
        self.workers: list[tuple[SimulatedWorker, Shaky]] = []
        self.stops: list[asyncio.Task[None]] = []
        self.faults = random_faults(Random(f"faults of {seed}"), FAULTS)
        self.is_peace = False

    def may_repeat(self) -> bool:
        process = running_process()
        store = process.store.inner if process is not None else None
        return isinstance(store, Shaky) and store.was_deaf

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
            faulty = FaultyStore(self.cluster.store)
            shaky = Shaky(faulty)
            self.workers.append((await self.cluster.start_worker(store=shaky, lease_for=LEASE_FOR, grace=1.0), shaky))
            faulty.choose = self.fault  # a start that the store fails is told to who starts the worker
            return
        at = self.random.randrange(len(self.workers))
        simulated, shaky = self.workers[at]
        if choice < 0.35:
            await simulated.process.kill()
            del self.workers[at]
        elif choice < 0.45:
            shaky.cut = False
            self.stops.append(simulated.process.run(simulated.worker.stop(at_once=choice < 0.4)))
            del self.workers[at]
        elif choice < 0.6:
            shaky.cut = not shaky.cut
        elif choice < 0.7:
            shaky.deaf = not shaky.deaf
            shaky.was_deaf = True

    def fault(self, name: str) -> Fault | None:
        """Until there is peace, a share of all calls is refused, lost on its way there or back, or lands twice."""
        return None if self.is_peace else self.faults(name)

    async def peace(self) -> None:
        """Those in trouble recover, and there is one that never was."""
        self.is_peace = True
        for _, shaky in self.workers:
            shaky.cut = shaky.deaf = False
        await self.cluster.start_worker(lease_for=LEASE_FOR)


async def check(seed: int, url: str) -> str | None:
    """What is wrong with the program of a seed, or None."""
    clock = FakeClock()
    cluster = Cluster(await open_store(url, clock=clock), clock, url)
    return await fault_of(seed, Troubled(seed, cluster))


@pytest.mark.fuzz
@pytest.mark.slow
@pytest.mark.timeout(0)
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

"""Workers of real processes in trouble: their store loses answers and goes away, they stand still, and they are killed.

Afterwards each run has ended as it would have, no committed step ran twice, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from perdure.core.clock import SystemClock
from perdure.errors import RunCancelled
from perdure.runs.doctor import examine
from perdure.runs.handles import Run
from perdure.stores import open_store
from perdure.stores.port import Store
from tests.chaos.player import Entry, Ledger, named, start
from tests.chaos.processes import Child, child, damage

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
SECONDS = float(os.environ.get("PERDURE_TROUBLE_SECONDS", "6"))
SEEDS = range(int(os.environ.get("PERDURE_TROUBLE_SEEDS", "2")))
LEASE = 1.0
WORKERS = 2
LEGS = 4
RUNS = 20
STAGES = ("leg", "side", "branch", "late")
PARALLEL = {"side", "branch"}


def stage(entry: Entry) -> tuple[int, int]:
    """When an effect of a journey happens: in each stage, all effects of the stages before it are committed."""
    name, number = entry.what.lower().split()
    return STAGES.index(name), 0 if name in PARALLEL else int(number)


class Fleet:
    """Workers of one store, which something happens to again and again."""

    def __init__(self, url: str, ledger: Path, seed: int) -> None:
        self.url = url
        self.ledger = ledger
        self.random = Random(f"fleet {seed}")
        self.stood_still = set[int]()
        self.workers: list[AsyncExitStack] = []
        self._children: list[Child] = []

    async def begin(self) -> None:
        """One more worker."""
        stack = AsyncExitStack()
        options = (str(LEASE), "", str(self.random.random()))
        self._children.append(await stack.enter_async_context(child("work", self.url, self.ledger, *options)))
        self.workers.append(stack)

    async def trouble(self) -> None:
        """Something happens to one of them."""
        await asyncio.sleep(self.random.uniform(0.1, 0.6))
        at = self.random.randrange(len(self._children))
        if self.random.random() < 0.5:
            self._children.pop(at)
            await self.workers.pop(at).aclose()  # it is killed
            await self.begin()
        else:
            worker = self._children[at]
            self.stood_still.add(worker.process.pid)
            await worker.stop(self.url)
            await asyncio.sleep(self.random.uniform(0.5, 2.5) * LEASE)
            worker.resume()

    async def end(self) -> None:
        """All of them end politely."""
        assert [await worker.end() for worker in self._children] == [0] * len(self._children)
        for stack in self.workers:
            await stack.aclose()


@asynccontextmanager
async def fleet(url: str, ledger: Path, seed: int) -> AsyncGenerator[Fleet]:
    """Workers that are in trouble; none is left at the end."""
    made = Fleet(url, ledger, seed)
    for _ in range(WORKERS):
        await made.begin()
    try:
        yield made
    finally:
        for stack in made.workers:
            await stack.aclose()


async def act(runs: list[Run[Any]], random: Random) -> set[str]:
    """Emit to each run what it waits for, and cancel a few. Shape: the runs that were cancelled."""
    cancelled = set[str]()
    for run in random.sample(runs, len(runs)):
        await asyncio.sleep(random.uniform(0.0, SECONDS / len(runs)))
        if random.random() < 0.15:
            cancelled.add(run.id)
            await run.cancel()
        else:
            await asyncio.gather(run.emit_event("go", run.id), run.emit_event("go", run.id))
    return cancelled


async def end_of(run: Run[Any]) -> Any:
    try:
        return await run.result()
    except RunCancelled:
        return "cancelled"


def repeated(entries: list[Entry], stood_still: set[int]) -> list[Entry]:
    """Effects of committed steps, but for those of a process that stood still between its last look and its effect."""
    found, latest = list[Entry](), dict[str, Entry]()
    for entry in entries:
        last = latest.setdefault(entry.run_id, entry)
        if stage(entry) >= stage(last):
            latest[entry.run_id] = entry
        elif not (entry.token < last.token and entry.pid in stood_still):
            found.append(entry)
    return found


def locks(path: Path) -> list[str]:
    """The liveness locks beside a database."""
    return [lock.name for lock in Path(f"{path}-workers").iterdir()]


async def left(store: Store, path: Path) -> list[str]:
    """What is there after all workers have ended: nothing, it is to be hoped."""
    rows = [worker.worker_id for worker in await store.workers.list()]
    findings = [str(finding) for finding in (await examine(store, SystemClock())).findings]
    return rows + findings + locks(path)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(180 + 2 * SECONDS)
async def test_whatever_happens_to_workers_each_run_ends_as_it_would_have(tmp_path: Path, seed: int) -> None:
    path, ledger, random = tmp_path / "runs.db", Ledger(tmp_path / "ledger"), Random(f"acts {seed}")
    url = f"sqlite:///{path}"
    store = await open_store(url)
    runs = [await start(store, "journey", f"run {number}", LEGS) for number in range(RUNS)]
    async with fleet(url, ledger.path, seed) as workers:
        acting = asyncio.ensure_future(act(runs, random))
        while not acting.done():
            await workers.trouble()
        cancelled = await acting
        await workers.end()
    async with child("work", url, ledger.path) as healthy:
        async with asyncio.timeout(60):
            ends = dict(zip([run.id for run in runs], await asyncio.gather(*map(end_of, runs)), strict=True))
        assert await healthy.end() == 0
    branches = [what + what.upper() for what in named("branch", 4)]
    for run_id, end in ends.items():
        whole = [*named("leg", LEGS), *named("side", 3), *branches, run_id, *named("late", LEGS)]
        assert end == "cancelled" if run_id in cancelled else end == whole
    entries = ledger.entries()
    assert repeated(entries, workers.stood_still) == []

    assert await left(store, path) == []
    await store.close()
    assert damage(path) == []

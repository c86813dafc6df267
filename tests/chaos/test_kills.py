"""SIGKILL at random moments: a new process goes on where the dead one was, and no committed outcome runs again."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from random import Random

import pytest

from perdure.core.states import FINAL
from perdure.stores import open_store
from tests.chaos.player import Ledger, named, start
from tests.chaos.processes import child, damage, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
KILLS = 6
LEGS = 12


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_run_survives_kills_at_random_moments(tmp_path: Path, seed: int) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger")
    random = Random(int(os.environ.get("PERDURE_SEED", seed)))
    store = await open_store(url)
    run = await start(store, "journey", "run", LEGS)
    committed: dict[str, int] = {}  # position: how many effects the ledger had when it was seen to be final
    for _ in range(KILLS):
        async with child("work", url, ledger.path) as worker:
            await asyncio.sleep(random.uniform(0.0, 0.12))
            await worker.kill()
        effects = len(ledger.entries())
        for step in await run.steps():
            if step.status in FINAL:
                committed.setdefault(step.position, effects)
    await run.emit_event("go", "gone")
    async with child("work", url, ledger.path) as worker:
        async with asyncio.timeout(60):
            result = await run.result()
        await worker.end()
    branches = [what + what.upper() for what in named("branch", 4)]
    assert result == [*named("leg", LEGS), *named("side", 3), *branches, "gone", *named("late", LEGS)]
    entries = ledger.entries()
    again = [
        entry
        for number, entry in enumerate(entries)
        if entry.position in committed and number >= committed[entry.position]
    ]
    assert again == [], f"seed {seed}"
    assert committed, "the kills came too early to prove anything"
    await store.close()
    assert damage(tmp_path / "runs.db") == []


async def test_a_dead_workers_runs_are_taken_over_at_once_because_its_death_is_proven(tmp_path: Path) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger")
    store = await open_store(url)
    runs = [await start(store, "stalls", f"run {number}", str(tmp_path / "flag")) for number in range(5)]
    async with child("work", url, ledger.path, "3600") as first, child("work", url, ledger.path, "3600"):

        async def all_wait() -> bool:
            return sum(entry.what == "waits" for entry in ledger.entries()) == 5

        await eventually(all_wait, "five runs wait for the flag")
        loop = asyncio.get_running_loop()
        await first.kill()
        (tmp_path / "flag").touch()
        began = loop.time()
        async with asyncio.timeout(30):
            await asyncio.gather(*[run.result() for run in runs])
        assert loop.time() - began < 10, "an hour's lease would have had to end"
    await store.close()

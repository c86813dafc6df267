"""Workers that are replaced every second: every run and turn ends, and no committed step runs again."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from pathlib import Path

import pytest

from perdure import App
from tests.chaos.processes import eventually
from tests.endurance import house
from tests.endurance.workers import FULL, workers

pytestmark = pytest.mark.endurance
DEPLOYS = 60 if FULL else 20
RUNS, STEPS, TURNS = 50, 100, 10
ENDED = {"completed", "failed", "cancelled"}


def executed(effects: list[str]) -> dict[str, list[int]]:
    """Shape: of each run the numbers of its steps, in the order in which they were executed."""
    found = defaultdict[str, list[int]](list)
    for effect in effects:
        run_id, number = effect.rsplit(" ", 1)
        found[run_id].append(int(number))
    return found


async def test_deploys_every_second_lose_nothing_and_repeat_no_committed_step(tmp_path: Path) -> None:
    async with workers(tmp_path, 2) as working, App(working.url, agents=[house.agent]).client() as client:
        runs = [await client.start("short_steps", STEPS, run_id=f"run-{number}") for number in range(RUNS)]
        threads = [await client.threads.create("reader", thread_id=f"thread-{number}") for number in range(TURNS)]
        turns = [await thread.send("Is anything new?") for thread in threads]
        began = time.monotonic()
        await working.start()
        for number in range(DEPLOYS):
            await asyncio.sleep(max(0.0, began + number + 1 - time.monotonic()))
            await working.deploy()

        async def all_ended() -> bool:
            return all(one.status in ENDED for one in await client.runs(limit=RUNS + TURNS))

        await eventually(all_ended, "every run has ended", within=60)
        took = time.monotonic() - began
        records = await client.runs(limit=RUNS + TURNS)
        assert {record.status for record in records} == {"completed"}
        assert len(records) == RUNS + TURNS
        assert [await run.result() for run in runs] == [sum(range(STEPS))] * RUNS
        assert [(await turn.result()).text for turn in turns] == [house.ANSWER] * TURNS
        numbers = executed(working.effects())
        for run in runs:
            # A step is begun when those before it are committed: one that runs after a later one has run twice.
            assert numbers[run.id] == sorted(numbers[run.id])
            assert set(numbers[run.id]) == set(range(STEPS))
            assert [step.status for step in await run.steps()] == ["completed"] * STEPS
        again = sum(map(len, numbers.values())) - RUNS * STEPS
        print(f"\n  {DEPLOYS} deploys, {took:.1f} s: {again} steps that were cut off ran again")
        assert working.deaths == 0
        await working.stop()

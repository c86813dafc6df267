"""A run that kills its worker takes no healthy run with it, whatever the healthy ones do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from perdure import App
from tests.chaos.processes import eventually
from tests.endurance.workers import FULL, workers

DEATHS = 8
WITHIN = 300.0 if FULL else 100.0
"""Units: real seconds. With one worker and long steps, each healthy run of a death is tried alone, one by one."""

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(WITHIN + 60)]


class Healthy(NamedTuple):
    """Runs of one workflow. Shape: how many in CI, and at full size."""

    workflow: str
    args: tuple[Any, ...]
    few: int
    many: int
    ends_as: str = "completed"


HEALTHY = {
    "long": Healthy("long_step", (3.0,), 10, 50),
    "short": Healthy("short_steps", (20,), 40, 400),
    "waiting": Healthy("waits", (), 10, 50, "suspended"),
}


BAD: dict[str, tuple[Any, ...]] = {"in a step": ("kills_after", 0.3), "at its first line": ("kills_at_its_first_line",)}


@pytest.mark.parametrize("dies", BAD)
@pytest.mark.parametrize("count", [1, 2], ids=["one worker", "two workers"])
@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("kind", HEALTHY)
async def test_every_healthy_run_ends_and_the_one_that_kills_is_poisoned(
    tmp_path: Path, kind: str, place: str, count: int, dies: str
) -> None:
    healthy = HEALTHY[kind]
    number = healthy.many if FULL else healthy.few
    async with workers(tmp_path, count) as working, App(working.url).client() as client:

        async def start_the_bad_one() -> None:
            await client.start(*BAD[dies], run_id="bad")

        if place == "first":
            await start_the_bad_one()
        for one in range(number):
            await client.start(healthy.workflow, *healthy.args, run_id=f"healthy {one}")
        if place == "last":
            await start_the_bad_one()

        async def all_ended() -> bool:
            records = await client.runs(limit=number + 1)
            settled = {"failed", "cancelled", healthy.ends_as}
            return (
                all(record.status in settled for record in records)
                and (await client.run("bad").record()).status == "failed"
            )

        began = time.monotonic()
        await working.start()
        await eventually(all_ended, "every run has ended", within=WITHIN)
        took = time.monotonic() - began
        records = {record.run_id: record for record in await client.runs(limit=number + 1)}
        bad = records.pop("bad")
        print(f"\n  {kind}, {place}, {dies}, {count} workers, {number} runs: {working.deaths} deaths, {took:.1f} s")
        assert {record.status for record in records.values()} == {healthy.ends_as}
        assert len(records) == number
        assert bad.failure is not None
        assert bad.failure.reason == "poisoned"
        assert working.effects().count("death") <= DEATHS
        if healthy.ends_as == "suspended":
            for run_id in records:
                await client.emit_event(run_id, "go", run_id)
            for run_id in records:
                assert await client.run(run_id).result() == run_id
        await working.stop()

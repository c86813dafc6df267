"""A worker that stands still past its lease and its stall limit, again and again, poisons no run that it held."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from perdure import open_store
from tests.chaos.player import Ledger, start
from tests.chaos.processes import child, eventually

pytestmark = pytest.mark.endurance
LEASE = "2"
TIMES = 6


async def test_a_run_that_was_held_at_six_stalls_is_not_poisoned(tmp_path: Path) -> None:
    url, ledger, flag = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger"), tmp_path / "flag"
    store = await open_store(url)
    run = await start(store, "stalls", "run", str(flag))

    def taken() -> list[int]:
        return [entry.pid for entry in ledger.entries() if entry.what == "waits"]

    async with child("work", url, ledger.path, LEASE) as one, child("work", url, ledger.path, LEASE) as other:
        by_pid = {worker.process.pid: worker for worker in (one, other)}
        for time in range(1, TIMES + 1):

            async def is_held(times: int = time) -> bool:
                return len(taken()) >= times

            await eventually(is_held, f"the run is held for the {time}. time")
            stalled = by_pid[taken()[-1]]
            await stalled.stop(url)

            async def is_taken_over(times: int = time) -> bool:
                return len(taken()) > times

            await eventually(is_taken_over, "the other worker has taken over", within=15)
            stalled.resume()
            await asyncio.sleep(1.0)
        assert (await run.record()).status == "running"
        flag.touch()
        async with asyncio.timeout(30):
            result = await run.result()
        assert result[2:] == ["after 0", "after 1", "after 2"]
        await one.end()
        await other.end()
    assert len(taken()) > TIMES
    await store.close()

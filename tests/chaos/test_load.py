"""Several processes that commit to one file as fast as they can: each gets its share, and nobody waits long."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from tests.chaos.player import Ledger
from tests.chaos.processes import child, damage

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
PROCESSES = 4
SECONDS = float(os.environ.get("PERDURE_LOAD_SECONDS", "4"))


@pytest.mark.timeout(120 + SECONDS)
async def test_none_is_starved_and_no_lease_is_lost(tmp_path: Path) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger")
    async with AsyncExitStack() as stack:
        players = [
            await stack.enter_async_context(child("load", url, ledger.path, str(SECONDS))) for _ in range(PROCESSES)
        ]
        for player in players:
            player.go()
        said = await asyncio.gather(*[player.line(within=60 + 2 * SECONDS) for player in players])
        assert await asyncio.gather(*[player.end() for player in players]) == [0] * PROCESSES
    figures = [msgspec.json.decode(line) for line in said]
    total = sum(each["commits"] for each in figures)
    shares = [each["commits"] / total for each in figures]
    print(
        f"\n  {PROCESSES} processes for {SECONDS:g} s: {total / SECONDS:,.0f} commits/s, shares",
        ", ".join(f"{share:.0%}" for share in sorted(shares)),
        f"; p50 {max(each['p50'] for each in figures):.2f} ms, p99 {max(each['p99'] for each in figures):.1f} ms,"
        f" worst {max(each['worst'] for each in figures):.0f} ms",
    )
    assert [each["token"] for each in figures] == [1] * PROCESSES, "a lease was lost"
    assert [each["steps"] for each in figures] == [each["commits"] for each in figures]
    assert min(shares) > 0.1
    assert max(each["p99"] for each in figures) < 250
    assert damage(tmp_path / "runs.db") == []

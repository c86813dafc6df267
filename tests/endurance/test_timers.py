"""Very many timers that are due at one instant: all are served soon, and none twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from perdure import App, Context
from tests.chaos.figures import report
from tests.chaos.processes import eventually

pytestmark = pytest.mark.endurance
TIMERS = 5_000
WITHIN = 5.0
"""Units: real seconds from the instant to the last beginning."""


async def test_timers_of_one_instant_are_all_begun_within_seconds_and_none_twice(tmp_path: Path) -> None:
    app, begun, woken = App(f"sqlite:///{tmp_path}/runs.db"), list[float](), Counter[str]()
    due_at = datetime.now(UTC) + timedelta(seconds=25)

    @app.workflow
    async def waits(ctx: Context) -> None:
        await ctx.sleep(due_at.timestamp() - time.time())  # its end is fixed at the first call
        begun.append(time.time() - due_at.timestamp())
        woken[ctx.run_id] += 1

    async with app:
        for first in range(0, TIMERS, 500):
            await asyncio.gather(*[app.start(waits, run_id=f"run {first + one}") for one in range(500)])

        async def all_wait() -> bool:
            return await app.store.queues.counts() == {"default": {"suspended": TIMERS}}

        await eventually(all_wait, f"{TIMERS} runs wait")
        assert datetime.now(UTC) < due_at, "this machine took too long to start them"

        async def all_ended() -> bool:
            return len(woken) == TIMERS and await app.store.queues.counts() == {}

        await eventually(all_ended, "all have ended", within=90)
    report("from the instant to the beginning", begun)
    assert set(woken.values()) == {1}
    assert len(begun) == TIMERS
    assert min(begun) > -0.001  # two readings of the clock
    assert max(begun) < WITHIN

"""The meter of the costs: what it counts, when that has come to rest, and what it does not count."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.costs import meter as costs_meter
from benchmarks.costs.meter import Meter, regardless_of_time
from perdure import App, Context


async def test_a_store_is_at_rest_when_what_was_begun_has_been_counted(tmp_path: Path) -> None:
    app = App(f"sqlite:///{tmp_path}/runs.db")

    @app.workflow
    async def later(ctx: Context) -> None:
        for _ in range(3):
            await ctx.step("step", asyncio.sleep, 0.005)

    with regardless_of_time():
        async with app:
            meter = Meter(tmp_path / "runs.db", app.store)
            run = await app.start(later)
            rest = await meter.at_rest()
            with meter.looks_away():
                assert (await run.record()).status == "completed"
            assert meter.now() == rest
            assert (await run.record()).status == "completed"
            assert meter.now().since(rest).statements == 1


async def test_a_store_that_is_never_at_rest_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs_meter, "TIMEOUT", 0.1)
    app = App(f"sqlite:///{tmp_path}/runs.db")
    async with app:
        meter = Meter(tmp_path / "runs.db", app.store)

        async def ask() -> None:
            while True:
                await app.store.runs.get("run", tenant=None)
                await asyncio.sleep(0)

        asking = asyncio.ensure_future(ask())
        with pytest.raises(TimeoutError):
            await meter.at_rest()
        asking.cancel()

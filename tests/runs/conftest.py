"""The stage, on each store that this project has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.stores import open_store
from perdure.testing.clock import FakeClock
from tests.runs.driving import Driver
from tests.runs.stage import Stage


@pytest.fixture(params=["memory", "sqlite"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/runs.db"
    async for opened in _opened(url):
        yield opened


@pytest.fixture
async def memory() -> AsyncIterator[Stage]:
    async for opened in _opened("memory:"):
        yield opened


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Stage]:
    async for opened in _opened(f"sqlite:///{tmp_path}/runs.db"):
        yield opened


@pytest.fixture
def drive(stage: Stage) -> Driver:
    return Driver(stage)


async def _opened(url: str) -> AsyncIterator[Stage]:
    clock = FakeClock()
    stage = Stage(await open_store(url, clock=clock), clock, url)
    try:
        yield stage
    finally:
        await stage.close()
        asyncio.get_running_loop().set_task_factory(None)

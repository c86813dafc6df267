"""The cluster, on each store that this project has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.stores import open_store
from perdure.testing.clock import FakeClock
from tests.runs.cluster import Cluster
from tests.runs.driving import Driver


@pytest.fixture(params=["memory", "sqlite"])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/runs.db"
    async for opened in _opened(url):
        yield opened


@pytest.fixture
async def memory() -> AsyncIterator[Cluster]:
    async for opened in _opened("memory:"):
        yield opened


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Cluster]:
    async for opened in _opened(f"sqlite:///{tmp_path}/runs.db"):
        yield opened


@pytest.fixture
def drive(cluster: Cluster) -> Driver:
    return Driver(cluster)


async def _opened(url: str) -> AsyncIterator[Cluster]:
    clock = FakeClock()
    cluster = Cluster(await open_store(url, clock=clock), clock, url)
    try:
        yield cluster
    finally:
        await cluster.close()
        asyncio.get_running_loop().set_task_factory(None)

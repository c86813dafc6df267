"""A cluster on the memory store, and an agent's app."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from perdure.stores import open_store
from perdure.testing.clock import FakeClock
from tests.runs.cluster import Cluster


@pytest.fixture
async def memory() -> AsyncIterator[Cluster]:
    clock = FakeClock()
    cluster = Cluster(await open_store("memory:", clock=clock), clock, "memory:")
    try:
        yield cluster
    finally:
        await cluster.close()

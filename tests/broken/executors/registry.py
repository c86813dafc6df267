"""What is broken in an executor, and which tests must catch it: those that hold the promise that it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from perdure.errors import PerdureError
from perdure.stores import open_store
from perdure.testing.clock import FakeClock
from tests.runs.cluster import Cluster

Promise = Callable[..., Awaitable[None]]
Breaking = Callable[[pytest.MonkeyPatch], None]

CAUGHT = (AssertionError, pytest.fail.Exception, PerdureError, TimeoutError, KeyError, ExceptionGroup)
WITHIN = 20.0
"""Units: real seconds; what hangs is caught too."""


class BrokenExecutor(NamedTuple):
    breaking: Breaking
    caught_by: tuple[Promise, ...]


BROKEN_EXECUTORS: list[BrokenExecutor] = []


def caught_by(*promises: Promise) -> Callable[[Breaking], Breaking]:
    """Register a way to break an executor; its docstring says what it breaks."""

    def register(breaking: Breaking) -> Breaking:
        BROKEN_EXECUTORS.append(BrokenExecutor(breaking, promises))
        return breaking

    return register


async def run_promise(promise: Promise, **arguments: Any) -> None:
    """Run one test of tests/runs on a memory store."""
    clock = FakeClock()
    cluster = Cluster(await open_store("memory:", clock=clock), clock, "memory:")
    try:
        async with asyncio.timeout(WITHIN):
            await promise(cluster, **arguments)
    finally:
        await cluster.close()
        asyncio.get_running_loop().set_task_factory(None)

"""What simulates deaths and faults keeps the promises that what it simulates keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

import perdure
from perdure.core.operations import SealRun
from perdure.runs.starting import creation
from perdure.stores import open_store
from perdure.testing.clock import FakeClock
from perdure.testing.dying import Process
from perdure.testing.faulty import COMMIT_FAULTS, Fault, FaultyStore
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import Cluster


class Hangs(WrappedStore):
    """A store whose commits never land."""

    def around_commit(self, operations: Any, lease: Any, commit: Any) -> Awaitable[Any]:
        return asyncio.get_running_loop().create_future()


async def test_whoever_waits_for_a_commit_of_a_process_that_dies_waits_no_longer() -> None:
    """Also a task that was not started by the process: what its heartbeat starts on the loop is none of its tasks."""
    clock = FakeClock()
    process = Process(clock, Hangs(await open_store("memory:", clock=clock)))

    async def waits() -> None:
        await process.store.execute(SealRun(tenant=None, run_id="run", at=clock.now()))

    waiting = asyncio.create_task(waits())
    await asyncio.sleep(0)
    process.die()
    await clock.settle()
    assert waiting.cancelled()


@pytest.mark.parametrize("fault", COMMIT_FAULTS)
async def test_to_cancel_whoever_awaits_a_commit_takes_nothing_back_whatever_fault_it_meets(
    cluster: Cluster, fault: Fault
) -> None:
    faulty = FaultyStore(cluster.store, lambda name: fault if name.startswith("execute") else None)

    async def flow(ctx: perdure.Context) -> None:
        return None

    workflow = cluster.workflow(flow)
    operation = creation(workflow, workflow.manifest((), {}), run_id="run", at=cluster.clock.now())

    async def start() -> None:
        await faulty.execute(operation)

    starting = asyncio.create_task(start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    landed = await cluster.store.runs.get("run", tenant=None)
    assert (landed is not None) == (fault in {"lost_after", "twice"})
    assert faulty.met == {fault: 1}

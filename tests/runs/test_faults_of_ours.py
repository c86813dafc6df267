"""A fault inside the engine is logged, and ends neither claiming nor looking for the dead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

import perdure
from perdure.stores.port import Store
from perdure.testing.wrapped import WrappedStore
from tests.runs.cluster import LEASE_FOR, Cluster

T = TypeVar("T")


class Faulty(WrappedStore):
    """A store whose reads of one name fail, a few times, with what no store may raise."""

    def __init__(self, inner: Store, name: str) -> None:
        super().__init__(inner)
        self.name = name
        self.left = 0
        self.failed = 0

    async def around_read(self, name: str, read: Callable[[], Awaitable[T]]) -> T:
        if name == self.name and self.left:
            self.left -= 1
            self.failed += 1
            raise ZeroDivisionError("a fault")
        return await read()


@pytest.mark.parametrize("name", ["queues.next_due", "workers.dead", "runs.overdue"])
async def test_a_worker_that_met_a_fault_still_claims_and_still_takes_over(
    cluster: Cluster, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def hold(ctx: perdure.Context) -> str:
        await ctx.step("hold", cluster.sleep, 1.0)
        return "held"

    dead = await cluster.start_worker()
    left = await cluster.start(hold, run_id="left")
    await cluster.clock.settle()
    store = Faulty(cluster.store, name)
    await cluster.start_worker(store=store)
    store.left = 2
    await dead.process.kill()
    new = await cluster.start(hold, run_id="new")
    await cluster.clock.advance(5)
    assert store.failed == 2
    assert "a fault" in caplog.text
    assert await cluster.result(new) == "held"
    assert await cluster.result(left, within=LEASE_FOR + 10) == "held"

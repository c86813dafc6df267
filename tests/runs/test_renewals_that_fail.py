"""A renewal that fails is tried again, soon at first, and the log says so once in a lease, not at each try."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

import perdure
from perdure.core.operations import RenewWorker
from perdure.errors import StoreUnavailable
from perdure.testing.wrapped import RunKeys, WrappedStore
from tests.runs.cluster import LEASE_FOR, Cluster


class Unrenewed(WrappedStore):
    """Renews no lease while it `is_down`; `tries` has the fake instants of the renewals that failed."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.store)
        self.clock = cluster.clock
        self.is_down = True
        self.error: Exception = StoreUnavailable("the network is down")
        self.tries: list[float] = []

    def around_renewal(self, operation: RenewWorker, renew: Callable[[], RunKeys]) -> RunKeys:
        if not self.is_down:
            return renew()
        self.tries.append(self.clock.elapsed())
        raise self.error


async def test_an_outage_is_logged_once_in_a_lease_and_its_end_once(
    memory: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "perdure.worker")
    store = Unrenewed(memory)
    await memory.start_worker(store=store)
    await memory.clock.advance(5 * LEASE_FOR)
    store.is_down = False
    await memory.clock.advance(LEASE_FOR)
    said = [record.getMessage().split(" ", 2)[2] for record in caplog.records if "renew" in record.getMessage()]
    assert said[0] == "could not renew: the network is down"
    assert said[-1].startswith("renews again, after 1")
    assert all(line.startswith("could not renew for ") for line in said[1:-1])
    assert 3 <= len(said[1:-1]) <= 5


async def test_a_failure_of_another_kind_is_logged_at_once_and_a_fault_with_its_traceback(
    memory: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    store = Unrenewed(memory)
    await memory.start_worker(store=store)
    await memory.clock.advance(LEASE_FOR / 2)
    store.error = ZeroDivisionError("a fault")
    await memory.clock.advance(LEASE_FOR / 4)
    said = [(record.levelno, bool(record.exc_info)) for record in caplog.records if "renew" in record.getMessage()]
    assert said == [(logging.WARNING, False), (logging.ERROR, True)]


async def test_a_renewal_is_tried_again_soon_while_the_lease_lasts_and_less_often_afterwards(memory: Cluster) -> None:
    store = Unrenewed(memory)
    await memory.start_worker(store=store)
    await memory.clock.advance(3 * LEASE_FOR)
    first = store.tries[0]
    pauses = {round(b - a, 3) for a, b in zip(store.tries, store.tries[1:], strict=False) if b < first + LEASE_FOR}
    later = {round(b - a, 3) for a, b in zip(store.tries, store.tries[1:], strict=False) if a > first + LEASE_FOR}
    assert pauses == {LEASE_FOR / 30}
    assert later == {LEASE_FOR / 6}


async def test_a_worker_that_renews_again_after_many_leases_goes_on_with_its_run(memory: Cluster) -> None:
    async def flow(ctx: perdure.Context) -> str:
        await ctx.step("work", memory.sleep, 25 * LEASE_FOR)
        return "done"

    run = await memory.start(flow)
    store = Unrenewed(memory)
    await memory.start_worker(store=store)
    await memory.clock.advance(20 * LEASE_FOR)
    store.is_down = False
    assert await memory.result(run, within=10 * LEASE_FOR) == "done"
    assert memory.taken == []

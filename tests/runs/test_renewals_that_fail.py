"""A renewal that fails is tried again, soon at first, and the log says so once in a lease, not at each try."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

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


class Unreachable(WrappedStore):
    """A store that neither reads nor writes while it `is_down`."""

    is_down = True

    def _check(self) -> None:
        if self.is_down:
            raise StoreUnavailable("the network is down")

    async def around_read(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        self._check()
        return await read()

    def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        async def refuse() -> None:
            self._check()

        return asyncio.ensure_future(refuse()) if self.is_down else commit()

    def around_renewal(self, operation: RenewWorker, renew: Callable[[], RunKeys]) -> RunKeys:
        self._check()
        return renew()


async def ends(ctx: perdure.Context) -> None: ...


async def test_all_that_a_worker_does_in_an_outage_is_some_lines_in_a_lease(
    memory: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    store = Unreachable(memory.store)
    store.is_down = False
    await memory.start_worker(store=store)
    await memory.clock.advance(1)
    caplog.clear()
    store.is_down = True
    run = await memory.start(ends)
    await memory.clock.advance(5 * LEASE_FOR)
    during = [record.getMessage() for record in caplog.records]
    store.is_down = False
    await memory.clock.advance(LEASE_FOR)
    after = [record.getMessage() for record in caplog.records][len(during) :]
    assert 3 <= len(during) <= 3 * 6, during
    assert {word for line in during for word in ("claim", "dead workers", "renew") if word in line} == {
        "claim",
        "dead workers",
        "renew",
    }
    assert len([line for line in after if "again, after" in line]) == 3, after
    assert (await run.record()).status == "completed"

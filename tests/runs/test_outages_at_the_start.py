"""A store that is away while a worker starts is waited for; one that can't be opened is an error at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import perdure
from perdure import stores
from perdure.app.app import App
from perdure.cli.worker import serve
from perdure.errors import StoreClosed, StoreError
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.testing.clock import FakeClock
from perdure.testing.faulty import Fault, FaultyStore, no_faults
from tests.runs.cluster import LEASE_FOR, Cluster

OUTAGE = 3 * LEASE_FOR
REFUSED = ["execute RegisterWorker", "read workers.dead", "read runs.overdue", "read runs.cancelling_children"]


async def child(ctx: perdure.Context) -> str:
    return "done"


@pytest.mark.parametrize("call", REFUSED)
@pytest.mark.parametrize("fault", ["refused", "lost_before", "lost_after"])
async def test_a_worker_starts_whatever_call_of_its_start_fails(cluster: Cluster, call: str, fault: Fault) -> None:
    def fault_of(name: str) -> Fault | None:
        return left.pop() if name == call and left else None

    left: list[Fault] = [fault, fault]
    faulty = FaultyStore(cluster.store)
    faulty.choose = fault_of
    run = await cluster.start(child)
    await cluster.start_worker(store=faulty)
    assert await cluster.result(run) == "done"
    await cluster.clock.advance(5)  # the recovery looks again
    assert faulty.met == {fault: 2}
    assert len(await cluster.store.workers.list()) == 1


async def test_an_outage_of_several_leases_at_the_start_is_waited_out_and_its_reason_told(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = FaultyStore(cluster.store)
    run = await cluster.start(child)
    worker = perdure.Worker(faulty, cluster.workflows, clock=cluster.clock, lease_for=LEASE_FOR)
    with faulty.outage():
        starting = asyncio.ensure_future(worker.start())
        await cluster.clock.advance(OUTAGE)
        assert not starting.done()
        assert "can't start yet: " in caplog.text
        assert "a fault was injected" in caplog.text
    await cluster.clock.until(starting, within=5)
    assert await cluster.result(run) == "done"
    await worker.stop()
    assert await cluster.store.workers.list() == []


async def test_a_registration_that_nobody_heard_of_and_that_expired_is_made_anew(cluster: Cluster) -> None:
    faulty = FaultyStore(cluster.store, lambda name: "lost_after" if name == "execute RegisterWorker" else None)
    worker = perdure.Worker(faulty, cluster.workflows, clock=cluster.clock, lease_for=LEASE_FOR, stall_limit=LEASE_FOR)
    starting = asyncio.ensure_future(worker.start())
    await cluster.clock.settle()
    first = worker.worker_id
    with faulty.outage():
        other = await cluster.start_worker()
        await cluster.clock.advance(OUTAGE)
        assert first not in [row.worker_id for row in await cluster.store.workers.list()]
    faulty.choose = no_faults
    await cluster.clock.until(starting, within=5)
    rows = {row.worker_id for row in await cluster.store.workers.list()}
    assert rows == {worker.worker_id, other.worker.worker_id}
    await worker.stop()


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_a_worker_that_waits_for_its_store_can_be_stopped(cluster: Cluster, how: str) -> None:
    faulty = FaultyStore(cluster.store)
    worker = perdure.Worker(faulty, cluster.workflows, clock=cluster.clock)
    with faulty.outage():
        starting = asyncio.ensure_future(worker.start())
        await cluster.clock.advance(3)
        if how == "cancel":
            starting.cancel()
        else:
            await cluster.clock.until(worker.stop(), within=5)
        await cluster.clock.advance(3)
        assert starting.done()
        assert starting.cancelled() == (how == "cancel")
    assert await cluster.store.workers.list() == []
    await worker.start()
    assert len(await cluster.store.workers.list()) == 1
    await worker.stop()


async def test_a_store_that_was_closed_is_an_error_of_the_start_at_once(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/runs.db")
    await store.close()
    with pytest.raises(StoreClosed):
        await perdure.Worker(store, App("memory:").workflows).start()


class Through(App):
    """An app whose store is in trouble when it is entered."""

    faulty: FaultyStore

    async def open_store(self) -> Store:
        self.faulty = FaultyStore(await super().open_store())
        self.faulty.is_down = True
        return self.faulty


async def test_an_app_that_is_entered_during_an_outage_works_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    app = Through("memory:", clock=clock)
    flow: Any = app.workflow(child)
    entering = asyncio.ensure_future(app.__aenter__())
    await clock.advance(OUTAGE)
    assert not entering.done()
    assert [one.levelno for one in caplog.records if "can't start yet" in one.message][:1] == [logging.WARNING]
    app.faulty.is_down = False
    await clock.until(entering, within=5)
    run = await app.start(flow)
    assert await clock.until(run.result(), within=5) == "done"
    await clock.until(app.__aexit__(None, None, None), within=20)


@pytest.mark.parametrize("door", ["app", "client"])
async def test_a_store_that_can_not_be_opened_is_an_error_at_once(tmp_path: Path, door: str) -> None:
    (tmp_path / "runs.db").write_bytes(b"this is no database at all" * 100)
    app = App(f"sqlite:///{tmp_path}/runs.db")
    with pytest.raises(StoreError):
        async with app if door == "app" else app.client():
            pass


@pytest.mark.slow
@pytest.mark.parametrize("ends", [True, False])
def test_perdure_worker_waits_for_its_store_until_it_is_back_or_it_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], *, ends: bool
) -> None:
    async def opened(*_: object, **__: object) -> Store:
        return faulty

    async def drive() -> None:
        while "can't start yet" not in caplog.text:  # noqa: ASYNC110 - a log tells nobody
            await asyncio.sleep(0.01)
        faulty.is_down = not ends
        while ends and not await faulty.workers.list():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    async def main() -> None:
        nonlocal faulty
        faulty = FaultyStore(await open_store("memory:"))
        faulty.is_down = True
        driving = asyncio.get_running_loop().create_task(drive())
        await serve(App("memory:", workflows=[perdure.Workflow(child)]))
        await driving

    faulty: FaultyStore
    monkeypatch.setattr(stores, "open_store", opened)
    asyncio.run(main())
    assert ("works for child" in capfd.readouterr().err) == ends

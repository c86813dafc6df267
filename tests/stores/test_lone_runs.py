"""A run that has the store for itself commits by a short way: what the long way keeps, that one keeps too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.core.records import Lease
from perdure.errors import LeaseLost, StepFinal, StoreTooNew
from perdure.stores import open_store
from perdure.stores.port import Emit, PutStep
from perdure.stores.sqlite import group, identity, schema, steps, writer
from perdure.stores.sqlite.driver import open_connection
from perdure.stores.sqlite.transaction import Transaction
from perdure.testing.store_suite.harness import StoreHarness


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(writer, "POLL_AFTER", 60.0)  # nobody but the committing run looks
    monkeypatch.setattr(identity, "LOOK_EVERY", 60.0)  # a look at the file is due when the store is opened, then not
    monkeypatch.setattr(identity, "MARK_EVERY", 60.0)
    return f"sqlite:///{tmp_path}/perdure.db"


@pytest.fixture
async def harness(url: str) -> AsyncIterator[StoreHarness]:
    harness = StoreHarness(await open_store(url), url, "", open_store)
    yield harness
    await harness.store.close()


async def alone(harness: StoreHarness, count: int = 2) -> Lease:
    """A run whose last commits went the short way."""
    lease = await harness.running()
    for number in range(count):
        await harness.do(harness.step(position=str(number)), lease=lease)
    return lease


async def test_the_second_commit_in_a_row_goes_the_short_way(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = list[bool]()

    def put_alone(tx: Transaction, operation: PutStep, lease: Lease) -> bool:
        short.append(steps.put_alone(tx, operation, lease))
        return short[-1]

    monkeypatch.setattr(group, "put_alone", put_alone)
    await alone(harness, 4)
    assert short == [True, True, True]


async def positions(harness: StoreHarness) -> list[str]:
    return [step.position for step in await harness.store.steps.list("run")]


async def test_it_is_fenced(harness: StoreHarness) -> None:
    lease = await alone(harness)
    rev = (await harness.get()).rev
    for stale in (
        Lease(lease.run_id, lease.worker_id, lease.token - 1),
        Lease(lease.run_id, "somebody", lease.token),
    ):
        await harness.refused(LeaseLost, harness.step(position="2"), lease=stale)
    assert (await harness.get()).rev == rev
    assert await positions(harness) == ["0", "1"]


async def test_an_outcome_is_final(harness: StoreHarness) -> None:
    lease = await alone(harness)
    before = (await harness.get()).rev, await harness.store.steps.list("run")
    await harness.refused(StepFinal, harness.step(position="1", status="failed"), lease=lease)
    assert before == ((await harness.get()).rev, await harness.store.steps.list("run"))


async def test_a_step_after_a_takeover_is_progress(harness: StoreHarness) -> None:
    lease = await harness.retaken(await alone(harness))
    assert (await harness.get()).takeovers == 1
    await harness.do(harness.step(position="2", status="running"), lease=lease)
    assert (await harness.get()).takeovers == 1
    for number in range(2, 5):
        await harness.do(harness.step(position=str(number)), lease=lease)
        assert (await harness.get()).takeovers == 0


async def test_every_commit_counts_once_whichever_way_it_went(harness: StoreHarness) -> None:
    lease = await harness.running()
    rev = (await harness.get()).rev
    puts = [harness.step(position="0", status="running"), harness.step(position="0"), harness.step(position="1")]
    for number, put in enumerate(puts, 1):
        await harness.do(put, lease=lease)
        assert (await harness.get()).rev == rev + number
    await harness.do(harness.step(position="2"), harness.step(position="3"), lease=lease)
    assert (await harness.get()).rev == rev + len(puts) + 1


async def test_the_loop_gets_its_turns(harness: StoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SLICE", 0.0)
    lease, turns = await alone(harness), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    for number in range(2, 300):
        await harness.do(harness.step(position=str(number)), lease=lease)
    task.cancel()
    assert turns >= 298
    assert len(await positions(harness)) == 300


async def test_it_hears_of_what_others_commit(harness: StoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SLICE", 0.0)
    heard, other = asyncio.Event(), await open_store(harness.url)
    stop = harness.store.listen("run:run", heard.set)
    lease = await alone(harness, 20)
    heard.clear()
    await other.commit(Emit(run_id="run", key="go", payload=b"1", at=harness.at))
    await harness.do(harness.step(position="20"), lease=lease)  # it gives the loop a turn, and sees that it is behind
    await harness.do(harness.step(position="21"), lease=lease)
    assert heard.is_set()
    stop()
    await other.close()


@pytest.mark.parametrize("slow_after", [-1.0, 0.0])
async def test_on_a_slow_disk_its_commits_go_to_the_thread(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch, slow_after: float
) -> None:
    monkeypatch.setattr(writer, "SLOW_AFTER", slow_after)
    monkeypatch.setattr(group, "SLOW_AFTER", slow_after)
    await alone(harness, 100)
    assert len(await positions(harness)) == 100


async def test_once_the_schema_has_moved_on_it_writes_nothing_more(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await alone(harness, 5)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, "ALTER TABLE steps ADD COLUMN later"))
    path = harness.url.removeprefix("sqlite:///")
    other = open_connection(path)
    schema.migrate(other, path, schema.VERSION + 1)
    other.close()
    await harness.refused(StoreTooNew, harness.step(position="5"), lease=lease)
    connection = open_connection(path)
    assert connection.execute("SELECT count(*) FROM steps").fetchall() == [(5,)]
    connection.close()

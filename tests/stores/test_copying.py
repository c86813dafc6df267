"""A copy is the whole store, or nothing: from and to every kind of store."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from perdure.core.decisions.changes import Change, InsertRun
from perdure.errors import StoreInUse, StoreInvalid, StoreNotEmpty
from perdure.stores import open_store
from perdure.stores.copying import KINDS, copy_store
from perdure.stores.port import Store
from perdure.stores.port.transfer import Transfer
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.facets.transfer import exported
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.random_history import RandomHistory
from tests.stores.random_operations import RandomOperations

ACTS = 120

CUT_SHORT = """
import asyncio, os, signal, sys
from perdure.stores import open_store
from perdure.stores.copying import copy_store

class CutShort(list):
    def __iter__(self):
        for number, change in enumerate(super().__iter__()):
            if number == len(self) // 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield change

async def copy():
    source, target = await open_store(sys.argv[1]), await open_store(sys.argv[2])
    load = type(target.transfer).load
    type(target.transfer).load = lambda transfer, changes: load(transfer, CutShort(changes))
    await copy_store(source, target)

asyncio.run(copy())
"""


async def opened(url: str, clock: ManualClock) -> Store:
    return await open_store(url, clock=clock)


def url_of(kind: str, folder: Path, name: str) -> str:
    return "memory:" if kind == "memory" else f"sqlite:///{folder / name}.db"


async def filled(url: str) -> StoreHarness:
    """A store with a bit of everything, whose workers have left."""
    clock = ManualClock()

    async def open_(url: str, *, clock: ManualClock) -> Store:
        return await open_store(url, clock=clock)

    harness = StoreHarness(await opened(url, clock), url, "", open_, clock)
    await harness.replying("reply")
    history = RandomHistory(harness, 3)
    for _ in range(ACTS):
        await history.act()
    for worker in await harness.store.workers.list():
        await harness.do(harness.retire(worker.worker_id))
    return harness


@pytest.fixture(params=["sqlite to sqlite", "memory to sqlite", "sqlite to memory"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[StoreHarness, Store]]:
    source, _, target = str(request.param).split()
    harness = await filled(url_of(source, tmp_path, "source"))
    other = await opened(url_of(target, tmp_path, "target"), harness.clock)
    yield harness, other
    await other.close()
    await harness.close()


async def test_a_copy_is_the_whole_store_and_is_counted_by_kind(pair: tuple[StoreHarness, Store]) -> None:
    harness, target = pair
    before = await exported(harness.store)
    counts = await copy_store(harness.store, target)
    assert await exported(target) == before == await exported(harness.store)
    assert sum(counts.values()) == len(before)
    assert counts["runs"] == sum(isinstance(change, InsertRun) for change in before) > 1
    assert set(counts) <= set(KINDS.values())


async def test_a_store_with_a_live_worker_is_not_copied(pair: tuple[StoreHarness, Store]) -> None:
    harness, target = pair
    await harness.worker("zoe")
    with pytest.raises(StoreInUse, match="worker 'zoe' lives"):
        await copy_store(harness.store, target)
    assert await exported(target) == []


async def test_a_run_that_a_dead_worker_holds_is_not_copied(tmp_path: Path) -> None:
    harness = await filled("memory:")
    await harness.worker("zoe")
    await harness.run("held")
    await harness.lease("held", "zoe")
    harness.advance(10_000)
    assert [one.worker.worker_id for one in await harness.store.workers.dead()] == ["zoe"]
    target = await opened(url_of("sqlite", tmp_path, "target"), harness.clock)
    with pytest.raises(StoreInUse, match="'held' is held by worker 'zoe'"):
        await copy_store(harness.store, target)
    assert await exported(target) == []
    await target.close()


async def test_a_copy_of_a_store_that_changed_meanwhile_is_refused(
    pair: tuple[StoreHarness, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness, target = pair
    load = type(target.transfer).load

    async def load_late(transfer: Transfer, changes: Sequence[Change]) -> None:
        await load(transfer, changes)
        await harness.run("late")

    monkeypatch.setattr(type(target.transfer), "load", load_late)
    with pytest.raises(StoreInUse, match="it changed while it was copied"):
        await copy_store(harness.store, target)


async def test_a_copy_that_is_not_what_was_read_is_refused(
    pair: tuple[StoreHarness, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness, target = pair
    load = type(target.transfer).load

    async def load_less(transfer: Transfer, changes: Sequence[Change]) -> None:
        await load(transfer, changes[:-1])

    monkeypatch.setattr(type(target.transfer), "load", load_less)
    with pytest.raises(StoreInvalid, match="not what was read"):
        await copy_store(harness.store, target)


async def test_a_target_that_holds_something_is_left_as_it_is(pair: tuple[StoreHarness, Store]) -> None:
    harness, target = pair
    await target.execute(RandomOperations(1).beginning()[-1])
    before = await exported(target)
    with pytest.raises(StoreNotEmpty):
        await copy_store(harness.store, target)
    assert await exported(target) == before != []


async def test_a_copy_that_is_killed_leaves_an_empty_target_and_can_be_made_again(tmp_path: Path) -> None:
    source, target = (url_of("sqlite", tmp_path, name) for name in ("source", "target"))
    harness = await filled(source)
    await harness.store.close()
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", CUT_SHORT, source, target], check=False)
    assert ended.returncode == -9
    one, other = await opened(source, harness.clock), await opened(target, harness.clock)
    assert await exported(other) == []
    await copy_store(one, other)
    assert await exported(other) == await exported(one) != []
    await one.close()
    await other.close()

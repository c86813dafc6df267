"""The log moves into the database, and begins anew: it stays short, whoever reads meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.core.records import Lease
from perdure.stores import open_store
from perdure.stores.sqlite import group
from perdure.stores.sqlite.driver import open_connection
from perdure.testing.store_suite.harness import StoreHarness

PAGES = 50
PAGE_BYTES = 4096 + 24  # with its header in the log


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StoreHarness]:
    monkeypatch.setattr(group, "CHECKPOINT_PAGES", PAGES)
    url = f"sqlite:///{tmp_path}/perdure.db"
    harness = StoreHarness(await open_store(url), url, "", open_store)
    yield harness
    await harness.store.close()


@pytest.fixture
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each."""
    made, checkpoint = list[None](), group.Group.checkpoint

    def counted(self: group.Group) -> None:
        made.append(None)
        checkpoint(self)

    monkeypatch.setattr(group.Group, "checkpoint", counted)
    return made


async def put(harness: StoreHarness, lease: Lease, first: int, count: int) -> None:
    for number in range(first, first + count):
        await harness.do(harness.step(position=str(number)), lease=lease)


def log_of(harness: StoreHarness) -> Path:
    return Path(harness.url.removeprefix("sqlite:///") + "-wal")


@pytest.mark.parametrize("slow_after", [1.0, -1.0], ids=["on the loop", "by the thread"])
async def test_the_log_stays_short(
    harness: StoreHarness, checkpoints: list[None], monkeypatch: pytest.MonkeyPatch, slow_after: float
) -> None:
    monkeypatch.setattr("perdure.stores.sqlite.writer.SLOW_AFTER", slow_after)
    monkeypatch.setattr("perdure.stores.sqlite.writer.SLICE", 0.0)  # it is looked at once a turn
    await put(harness, await harness.running(), 0, 10 * PAGES)
    assert len(checkpoints) >= 5
    assert log_of(harness).stat().st_size < 3 * PAGES * PAGE_BYTES
    assert len(await harness.store.steps.list("run")) == 10 * PAGES


async def test_who_reads_for_long_delays_it_and_nobody_tries_at_every_commit(
    harness: StoreHarness, checkpoints: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.stores.sqlite.writer.SLICE", 0.0)
    lease = await harness.running()
    reader = open_connection(harness.url.removeprefix("sqlite:///"))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM steps").fetchall()
    await put(harness, lease, 0, 5 * PAGES)
    grown = log_of(harness).stat().st_size
    assert grown > 4 * PAGES * PAGE_BYTES
    assert 1 < len(checkpoints) < 3 * PAGES / 5
    reader.close()
    await put(harness, lease, 5 * PAGES, 10 * PAGES)
    assert log_of(harness).stat().st_size < grown + 2 * PAGES * PAGE_BYTES
    assert len(await harness.store.steps.list("run")) == 15 * PAGES

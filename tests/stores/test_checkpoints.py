"""The log moves into the database, and begins anew: it stays short, whoever reads meanwhile."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.core.clock import SystemClock
from perdure.core.records import Lease
from perdure.runs.doctor import examine
from perdure.stores import open_store
from perdure.stores.sqlite import group, log
from perdure.stores.sqlite.driver import open_connection
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness

PAGES = 50
LIMIT = 100 * (4096 + 24)
PAGE_BYTES = 4096 + 24  # with its header in the log


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StoreHarness]:
    monkeypatch.setattr(group, "CHECKPOINT_PAGES", PAGES)
    monkeypatch.setattr(log, "LOG_BYTES", LIMIT)
    url, clock = f"sqlite:///{tmp_path}/perdure.db", ManualClock()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock)
    yield harness
    await harness.close()


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
        await harness.commit(lease, harness.step(str(number)))


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
    assert len(await harness.store.steps.list("run", tenant=None)) == 10 * PAGES


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
    assert len(await harness.store.steps.list("run", tenant=None)) == 15 * PAGES


READS = """
import sys
from perdure.stores.sqlite.driver import open_connection
reader = open_connection(sys.argv[1])
reader.execute("BEGIN")
reader.execute("SELECT count(*) FROM steps").fetchall()
print("reading", flush=True)
sys.stdin.read()
"""


async def test_a_log_that_a_reader_let_grow_is_cut_back_when_it_has_gone_and_doctor_names_it(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.stores.sqlite.writer.SLICE", 0.0)
    lease, path = await harness.running(), harness.url.removeprefix("sqlite:///")
    reader = await asyncio.create_subprocess_exec(
        sys.executable, "-c", READS, path, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert reader.stdout is not None
    assert await reader.stdout.readline() == b"reading\n"
    await put(harness, lease, 0, 6 * PAGES)
    assert log_of(harness).stat().st_size > 2 * LIMIT
    (finding,) = [found for found in (await examine(harness.store, SystemClock())).findings if "log" in found.what]
    assert finding.run_id == "the store"
    assert f"read by process {reader.pid} (" in finding.what
    await reader.communicate(b"")
    assert log.readers(path) == []
    assert "cut back when the next commits" in log.report(path)
    await put(harness, lease, 6 * PAGES, 3 * PAGES)
    assert log_of(harness).stat().st_size <= LIMIT
    assert log.report(path) == ""
    assert len(await harness.store.steps.list("run", tenant=None)) == 9 * PAGES

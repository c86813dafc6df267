"""A SQLite store whose costs are counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.stores.sqlite import group, open_sqlite, writer
from perdure.testing.manual_clock import ManualClock
from tests.stores.costs.counting import CountedStore


class StillClock(ManualClock):
    """No time passes: what a store does now and then, as looking at its file, is not counted."""

    def elapsed(self) -> float:
        return 0.0


@pytest.fixture
async def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CountedStore]:
    """The log is never moved into the database, so that its pages can be counted."""
    monkeypatch.setattr(group, "CHECKPOINT_PAGES", 1_000_000)
    # whatever the machine is doing, commits stay on the loop, and a single run goes on alone
    monkeypatch.setattr(writer, "SLOW_AFTER", 1e9)
    monkeypatch.setattr(writer, "SLICE", 1e9)
    clock, path = StillClock(), str(tmp_path / "x.db")
    store = await open_sqlite(f"sqlite:///{path}", path, clock)
    made = CountedStore(store, clock)
    await made.begin()
    yield made
    await store.close()

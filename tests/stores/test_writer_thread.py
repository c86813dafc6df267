"""The writer's thread goes on, whatever fails in it, and each who waits for it gets an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from perdure.errors import StoreUnavailable
from perdure.stores import open_store
from perdure.stores.sqlite import group, writer, writer_thread
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StoreHarness]:
    monkeypatch.setattr(writer, "SLOW_AFTER", -1.0)  # everything goes to the thread
    url, clock = f"sqlite:///{tmp_path}/perdure.db", ManualClock()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock)
    yield harness
    await harness.close()


def failing_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a method of the group fail the next time with what nobody expects."""
    method: Callable[..., Any] = getattr(group.Group, name)
    left = [1]

    def fail(self: group.Group, *given: Any) -> Any:
        if left:
            left.pop()
            raise RuntimeError(name)
        return method(self, *given)

    monkeypatch.setattr(group.Group, name, fail)


async def test_a_commit_that_fails_as_nobody_expected_is_answered_and_the_next_one_lands(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_once(monkeypatch, "commit")
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable, match="RuntimeError: commit; whether the write landed is not known"):
            await harness.run("one")
        await harness.run("two")
    assert [run.run_id for run in await harness.store.runs.list(tenant=None)] == ["two"]


@pytest.mark.parametrize("name", ["checkpoint", "look"])
async def test_other_work_that_fails_stops_no_commit(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(writer_thread, "POLL_AFTER", 0.001)
    monkeypatch.setattr(group, "CHECKPOINT_PAGES", -1)
    heard = asyncio.Event()
    stop = harness.store.listen("queue:default", heard.set)
    failing_once(monkeypatch, name)
    async with asyncio.timeout(5):
        for number in range(3):
            heard.clear()
            await harness.run(f"run{number}")
            await heard.wait()
    assert len(await harness.store.runs.list(tenant=None)) == 3
    stop()

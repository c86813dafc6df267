"""Processes that stand still where they hold others up: writers wait for a bounded time, the loop not at all."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure import App, Context
from perdure.errors import StoreUnavailable
from perdure.stores.sqlite import group, turnstile
from perdure.stores.sqlite.driver import open_connection

PATIENCE = 0.2


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(turnstile, "PATIENCE", PATIENCE)
    monkeypatch.setattr(group, "_BUSY_MILLISECONDS", int(PATIENCE * 1000))
    return str(tmp_path / "perdure.db")


@pytest.fixture
def frozen(path: str) -> Iterator[list[int]]:
    """Descriptors of another process that is there; it can take locks with them, and stand still."""
    handles = [os.open(f"{path}-{name}", os.O_RDWR | os.O_CREAT, 0o600) for name in ("present", "next", "lock")]
    fcntl.flock(handles[0], fcntl.LOCK_SH)
    yield handles
    for handle in handles:
        os.close(handle)


def app_at(path: str) -> App:
    app = App(f"sqlite:///{path}")

    @app.workflow
    async def double(ctx: Context, number: int) -> int:
        return await ctx.step("double", lambda: 2 * number)

    assert double.name == "double"
    return app


@pytest.mark.parametrize("place", [1, 2], ids=["queueing", "inside"])
async def test_who_stands_still_in_the_queue_holds_nobody_up_for_ever(path: str, frozen: list[int], place: int) -> None:
    app = app_at(path)
    async with app:
        fcntl.flock(frozen[place], fcntl.LOCK_EX)
        workflow = app.workflows.get("double")
        async with asyncio.timeout(10):
            results = [await (await app.start(workflow, number)).result() for number in range(3)]
            fcntl.flock(frozen[place], fcntl.LOCK_UN)
            results += [await (await app.start(workflow, number)).result() for number in range(3, 6)]
    assert results == [0, 2, 4, 6, 8, 10]


async def test_who_stands_still_in_a_transaction_stops_writing_and_not_the_loop(path: str, frozen: list[int]) -> None:
    assert frozen
    app = app_at(path)
    async with app.client() as client:
        workflow = app.workflows.get("double")
        other = open_connection(path)
        other.execute("BEGIN IMMEDIATE")
        starts = [asyncio.create_task(client.start(workflow, number)) for number in range(5)]
        turns = 0
        async with asyncio.timeout(10):
            while not all(start.done() for start in starts):
                await asyncio.sleep(0.001)
                turns += 1
        for start in starts:
            with pytest.raises(StoreUnavailable, match="another program held its lock"):
                start.result()
        assert turns > 20  # the loop went on while the writer waited, once for all of them
        other.execute("ROLLBACK")
        other.close()
        await client.start(workflow, 1)

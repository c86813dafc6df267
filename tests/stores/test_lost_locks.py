"""Code that opens and closes the database's files in the process that has them open: SQLite loses its locks there.

An agent's tool that searches the files of a folder does so, and the database lies in the current one by default. See
https://sqlite.org/howtocorrupt.html, 2.2.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.errors import StoreReplaced
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.stores.sqlite import identity
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness
from tests.stores.dying_workers import let_die

LOOKS = """
import asyncio, sys
from perdure.stores import open_store

async def main():
    store = await open_store(sys.argv[1])
    print(*[run.run_id for run in await store.runs.list(tenant=None)])
    await store.close()

asyncio.run(main())
"""

OF_ANOTHER_PROGRAM = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1].removeprefix("sqlite:///"))
connection.execute("SELECT count(*) FROM runs").fetchall()
connection.close()
"""


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "LOOK_EVERY", 0.0)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/perdure.db"


@pytest.fixture
async def harness(url: str) -> AsyncIterator[StoreHarness]:
    harness = StoreHarness(await open_store(url, clock=ManualClock()), url, "", open_store, ManualClock(), let_die)
    yield harness
    await harness.close()


def read_everything(folder: Path) -> int:
    return sum(len(file.read_bytes()) for file in folder.iterdir() if file.is_file())


async def elsewhere(program: str, url: str) -> str:
    """What a program prints in another process."""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program, url], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


async def runs_of(store: Store) -> list[str]:
    return sorted(run.run_id for run in await store.runs.list(tenant=None))


async def test_no_commit_is_lost_where_another_process_takes_itself_for_the_last_one(
    harness: StoreHarness, url: str, tmp_path: Path
) -> None:
    await harness.run("before")
    assert read_everything(tmp_path)
    assert await elsewhere(LOOKS, url) == "before"
    await harness.run("after")
    assert sorted((await elsewhere(LOOKS, url)).split()) == ["after", "before"]
    assert await runs_of(harness.store) == ["after", "before"]


async def test_a_commit_is_refused_where_another_program_has_removed_the_log(
    harness: StoreHarness, url: str, tmp_path: Path
) -> None:
    lease = await harness.running(run_id="before")
    await harness.commit(lease, harness.step("0"))
    assert read_everything(tmp_path)
    await elsewhere(OF_ANOTHER_PROGRAM, url)
    assert not (tmp_path / "perdure.db-wal").exists()
    for _ in range(2):
        with pytest.raises(StoreReplaced, match="its log was removed"):
            await harness.run("lost")
    with pytest.raises(StoreReplaced, match="its log was removed"):
        await harness.commit(lease, harness.step("1"))


@pytest.mark.parametrize("is_single", [False, True])
async def test_a_commit_is_refused_where_the_log_was_removed_by_hand(
    harness: StoreHarness, tmp_path: Path, is_single: bool
) -> None:
    lease = await harness.running(run_id="before")
    for number in range(3 if is_single else 1):
        await harness.commit(lease, harness.step(str(number)))
    (tmp_path / "perdure.db-wal").unlink()
    with pytest.raises(StoreReplaced, match="its log was removed"):
        await harness.commit(lease, harness.step("lost"))


async def test_the_log_is_removed_by_the_last_one_to_close_and_by_no_other(url: str, tmp_path: Path) -> None:
    log = tmp_path / "perdure.db-wal"
    first, second = await open_store(url), await open_store(url)
    await first.close()
    assert log.exists()
    await second.close()
    assert not log.exists()

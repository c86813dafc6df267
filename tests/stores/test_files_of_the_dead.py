"""What processes leave beside a SQLite store that are killed at a bad moment: whoever registers next removes it."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.core.operations import RegisterWorker, RetireWorker, TakeOver
from perdure.stores import open_store
from perdure.stores.port import Store

AT = datetime(2026, 1, 1, tzinfo=UTC)

DIES = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from perdure.core.operations import RegisterWorker, RetireWorker
from perdure.stores import open_store
from perdure.stores.sqlite.liveness_locks import LivenessLocks

AT = datetime(2026, 1, 1, tzinfo=UTC)
moment, hold = sys.argv[2], LivenessLocks.hold

def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)

def hold_and_die(locks: LivenessLocks, worker_id: str) -> None:
    hold(locks, worker_id)
    die()

async def live() -> None:
    store = await open_store(sys.argv[1])
    if moment == "before its row":
        LivenessLocks.hold = hold_and_die
    lease_for = 0.01 if moment == "taken over" else 1e9
    await store.execute(
        RegisterWorker(worker_id="dies", incarnation="dies", at=AT, lease_for=lease_for, stall_limit=lease_for)
    )
    if moment == "after its row":
        LivenessLocks.drop = die
        await store.execute(RetireWorker(worker_id="dies", incarnation="dies", at=AT))
    if moment == "taken over":
        sys.stdin.read()
    die()

asyncio.run(live())
"""


def register(worker_id: str) -> RegisterWorker:
    return RegisterWorker(worker_id=worker_id, incarnation=worker_id, at=AT, lease_for=1e9)


async def killed(url: str, moment: str) -> None:
    """A worker `dies`, whose process is killed at some moment."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES, url, moment)
    assert await process.wait() == -signal.SIGKILL


def files(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def seen(store: Store, folder: Path) -> tuple[set[str], set[str]]:
    """The workers that have a row, and those that have a file."""
    return {worker.worker_id for worker in await store.workers.list()}, set(files(folder))


async def test_a_file_of_one_that_was_taken_over_alive_and_died_later_is_removed(tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path}/runs.db", tmp_path / "runs.db-workers"
    store = await open_store(url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIES, url, "taken over", stdin=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        while not await store.workers.dead():  # noqa: ASYNC110 - another process registers
            await asyncio.sleep(0.01)
    await store.execute(TakeOver(worker_id="dies", incarnation="dies", at=AT))
    assert await seen(store, folder) == (set(), {"dies"})
    process.kill()
    await process.wait()
    await store.execute(register("later"))
    assert await seen(store, folder) == ({"later"}, {"later"})
    await store.close()


@pytest.mark.parametrize("moment", ["before its row", "after its row"])
async def test_a_file_that_no_row_names_is_removed_when_somebody_registers(tmp_path: Path, moment: str) -> None:
    url, folder = f"sqlite:///{tmp_path}/runs.db", tmp_path / "runs.db-workers"
    store = await open_store(url)
    await store.execute(register("earlier"))
    await killed(url, moment)
    assert await seen(store, folder) == ({"earlier"}, {"earlier", "dies"})
    await store.execute(register("later"))
    assert await seen(store, folder) == ({"earlier", "later"}, {"earlier", "later"})
    await store.close()


async def test_what_proves_the_death_of_a_worker_with_a_row_stays(tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path}/runs.db", tmp_path / "runs.db-workers"
    store = await open_store(url)
    await killed(url, "with its row")
    await store.execute(register("later"))
    assert await seen(store, folder) == ({"dies", "later"}, {"dies", "later"})
    assert [(dead.worker.worker_id, dead.proven) for dead in await store.workers.dead()] == [("dies", True)]
    await store.close()


async def test_the_lock_of_a_process_that_lives_stays_without_a_row_too(tmp_path: Path) -> None:
    url, folder = f"sqlite:///{tmp_path}/runs.db", tmp_path / "runs.db-workers"
    store, other = await open_store(url), await open_store(url)
    await store.execute(register("earlier"))
    await other.execute(RetireWorker(worker_id="earlier", incarnation="earlier", at=AT))  # its lock is not its to give
    await other.execute(register("later"))
    assert await seen(other, folder) == ({"later"}, {"earlier", "later"})
    await store.close()
    await other.close()

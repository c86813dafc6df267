"""A database that is removed, replaced, copied or put back: a typed error before anything is accepted, nothing lost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perdure.core.operations import RegisterWorker, RenewWorker
from perdure.errors import StoreInvalid, StoreMoved, StoreReplaced
from perdure.stores import open_store
from perdure.stores.sqlite import identity
from perdure.stores.sqlite.driver import open_connection
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness

AT = datetime(2026, 1, 1, tzinfo=UTC)

# Commits, and then dies as kill -9 would have it: what is in the log stays there.
KILLED = """
import asyncio, os, sys
from datetime import UTC, datetime
from perdure.core.operations import RegisterWorker
from perdure.stores import open_store

async def main():
    store = await open_store(sys.argv[1])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for worker_id in sys.argv[2:]:
        if worker_id == "(checkpoint)":
            store._writer._group.checkpoint()
            continue
        await store.execute(RegisterWorker(worker_id=worker_id, incarnation=worker_id, at=at, lease_for=1e9))
    os._exit(0)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "perdure.db"


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "LOOK_EVERY", 0.0)


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Any]:
    opened = await opened_at(path)
    yield opened
    await opened.close()


async def opened_at(path: Path) -> Any:
    return await open_store(f"sqlite:///{path}")


def registration(worker_id: str) -> RegisterWorker:
    return RegisterWorker(worker_id=worker_id, incarnation=worker_id, at=AT, lease_for=1e9)


def renewal(worker_id: str) -> RenewWorker:
    return RenewWorker(worker_id=worker_id, incarnation=worker_id, beat=1, lease_for=2e9, at=AT)


async def workers(store: Any) -> list[str]:
    return sorted(worker.worker_id for worker in await store.workers.list())


def killed_after(path: Path, *worker_ids: str) -> None:
    subprocess.run([sys.executable, "-c", KILLED, f"sqlite:///{path}", *worker_ids], check=True, timeout=60)


async def left_by(path: Path, *worker_ids: str) -> None:
    """A database that was closed."""
    store = await opened_at(path)
    for worker_id in worker_ids:
        await store.execute(registration(worker_id))
    await store.close()


# In functions of their own: each is over in an instant, and to ask for it in a thread would hide what is tested.


def remove(*paths: Path) -> None:
    for path in paths:
        path.unlink()


def move(path: Path, to: Path) -> Path:
    return path.rename(to)


def content(path: Path) -> bytes:
    return path.read_bytes()


def is_there(path: Path) -> bool:
    return path.exists()


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def copy(path: Path, to: Path) -> Path:
    """By another process: to close the file in this one would drop the locks of a store that has it open."""
    subprocess.run([sys.executable, "-c", "import shutil, sys; shutil.copy(*sys.argv[1:])", path, to], check=True)
    return to


# While it is open.


async def test_a_database_that_is_removed_takes_no_commit_and_answers_no_read(store: Any, path: Path) -> None:
    await store.execute(registration("one"))
    remove(path)
    with pytest.raises(StoreMoved):
        await store.execute(registration("two"))
    with pytest.raises(StoreMoved):
        await store.workers.list()
    with pytest.raises(StoreMoved):
        await store.steps.list("run", tenant=None)
    with pytest.raises(StoreMoved):
        await asyncio.to_thread(store.renew, renewal("one"))


async def test_a_database_that_is_moved_away_and_back_goes_on_with_all_that_it_had(store: Any, path: Path) -> None:
    await store.execute(registration("one"))
    away = move(path, path.with_name("away.db"))
    for _ in range(3):
        with pytest.raises(StoreMoved):
            await store.execute(registration("two"))
    move(away, path)
    await store.execute(registration("three"))
    assert await workers(store) == ["one", "three"]


async def test_a_single_run_commits_nothing_into_a_file_that_is_gone(path: Path, store: Any) -> None:
    harness = StoreHarness(store, store.url, "", open_store, ManualClock())
    lease = await harness.running()
    for number in range(3):
        await harness.commit(lease, harness.step(str(number)))
    away = move(path, path.with_name("away.db"))
    with pytest.raises(StoreMoved):
        await harness.commit(lease, harness.step("3"))
    move(away, path)
    await harness.commit(lease, harness.step("4"))
    assert [step.position for step in await store.steps.list("run", tenant=None)] == ["0", "1", "2", "4"]


async def test_whoever_waits_hears_of_it(store: Any, path: Path) -> None:
    watch = store.watch("run:run")
    remove(path)
    async with asyncio.timeout(10):
        await watch.wait()
    with pytest.raises(StoreMoved):
        await store.runs.get("run", tenant=None)
    watch.close()


@pytest.mark.parametrize("closed", ["after", "before it is noticed"])
async def test_a_file_that_is_moved_over_it_is_refused_and_left_as_it_is(
    tmp_path: Path, path: Path, closed: str
) -> None:
    await left_by(tmp_path / "other.db", "theirs")
    store = await opened_at(path)
    await store.execute(registration("ours"))
    move(tmp_path / "other.db", path)
    before = content(path)
    if closed == "after":
        with pytest.raises(StoreReplaced, match="while it was open"):
            await store.execute(registration("more"))
        with pytest.raises(StoreReplaced):
            await store.workers.list()
    await store.close()
    assert content(path) == before
    with pytest.raises(StoreReplaced, match=r"perdure\.db-wal may be the log of the old one"):
        await opened_at(path)
    assert content(path) == before
    remove(tmp_path / "perdure.db-wal", tmp_path / "perdure.db-shm")
    opened = await opened_at(path)
    assert await workers(opened) == ["theirs"]
    await opened.close()


async def test_a_database_whose_identity_changes_under_it_takes_no_commit(
    store: Any, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "MARK_EVERY", 0.0)
    await store.execute(registration("one"))
    other = open_connection(str(path))
    for change in (
        "UPDATE identity SET epoch = epoch + 1",
        "UPDATE identity SET epoch = epoch - 1, mark = mark - 5",
        "UPDATE identity SET mark = mark + 5, store_id = 'other'",
    ):
        other.execute(change)
        with pytest.raises(StoreReplaced, match="written over it"):
            await store.execute(registration("two"))
    other.close()
    assert await workers(store) == ["one"]


# When it is opened.


async def test_a_copy_of_a_database_is_refused_beside_the_original_which_goes_on(store: Any, path: Path) -> None:
    await store.execute(registration("one"))
    copied = copy(path, path.with_name("copy.db"))
    before = content(copied)
    with pytest.raises(StoreReplaced, match="is a copy"):
        await opened_at(copied)
    assert content(copied) == before
    await store.execute(registration("two"))
    assert await workers(store) == ["one", "two"]


async def test_a_backup_that_is_put_back_is_refused(path: Path) -> None:
    await left_by(path, "one")
    backup = copy(path, path.with_name("backup.db"))
    await left_by(path, "two")
    move(backup, path)
    with pytest.raises(StoreReplaced, match="a backup that was put back"):
        await opened_at(path)


async def test_a_backup_that_is_written_over_the_file_is_refused(path: Path) -> None:
    await left_by(path, "one")
    before = content(path)
    await left_by(path, "two")
    write(path, before)  # the file, and its number, are the same
    with pytest.raises(StoreReplaced, match="commits are missing"):
        await opened_at(path)


@pytest.mark.parametrize("earlier", [0, 1], ids=["of a new database", "of an old one"])
async def test_a_log_that_was_removed_after_a_crash_is_missed(path: Path, earlier: int) -> None:
    if earlier:
        await left_by(path, "one")
    killed_after(path, "two", "three")
    remove(path.with_name("perdure.db-wal"), path.with_name("perdure.db-shm"))
    with pytest.raises(StoreReplaced, match="its log was removed"):
        await opened_at(path)


async def test_a_log_that_was_removed_after_a_checkpoint_and_a_crash_is_missed(path: Path) -> None:
    killed_after(path, "one", "(checkpoint)", "two")
    remove(path.with_name("perdure.db-wal"), path.with_name("perdure.db-shm"))
    with pytest.raises(StoreReplaced, match="its log was removed"):
        await opened_at(path)


async def test_a_file_that_was_emptied_is_refused(path: Path) -> None:
    await left_by(path, "one")
    os.truncate(path, 0)
    with pytest.raises(StoreReplaced, match="has been emptied"):
        await opened_at(path)


async def test_a_new_database_never_takes_the_log_of_one_that_was_moved_away(path: Path, tmp_path: Path) -> None:
    """SQLite removes a log that it finds beside an empty file, and with it what was committed last."""
    killed_after(path, "one", "two")
    moved = move(path, tmp_path / "moved.db")
    with pytest.raises(StoreInvalid, match=r"its log is.*put the file back"):
        await opened_at(path)
    assert not is_there(path)
    write(path, b"")
    with pytest.raises(StoreReplaced, match="another file"):
        await opened_at(path)
    move(moved, path)
    store = await opened_at(path)
    assert await workers(store) == ["one", "two"]
    await store.close()


async def test_a_database_that_is_moved_away_while_it_is_open_keeps_its_log(path: Path, tmp_path: Path) -> None:
    store = await opened_at(path)
    await store.execute(registration("one"))
    moved = move(path, tmp_path / "moved.db")
    with pytest.raises(StoreInvalid, match="its log is"):
        await opened_at(path)
    move(moved, path)
    await store.execute(registration("two"))
    await store.close()
    again = await opened_at(path)
    assert await workers(again) == ["one", "two"]
    await again.close()


async def test_a_new_database_is_made_where_the_log_of_one_that_was_removed_is_gone_too(path: Path) -> None:
    killed_after(path, "one")
    remove(path, path.with_name("perdure.db-wal"), path.with_name("perdure.db-shm"))
    store = await opened_at(path)
    assert await workers(store) == []
    await store.close()


# What is right, and stays so.


async def test_a_database_that_crashed_opens_with_all_that_it_had(path: Path) -> None:
    killed_after(path, "one", "two")
    store = await opened_at(path)
    assert await workers(store) == ["one", "two"]
    await store.close()


async def test_a_database_that_was_closed_may_be_moved(path: Path, tmp_path: Path) -> None:
    await left_by(path, "one")
    moved = move(path, tmp_path / "moved.db")
    store = await opened_at(moved)
    assert await workers(store) == ["one"]
    await store.close()


async def test_a_database_that_was_removed_is_made_anew_under_its_name(path: Path) -> None:
    await left_by(path, "one")
    remove(path)
    await left_by(path, "two")
    store = await opened_at(path)
    assert await workers(store) == ["two"]
    await store.close()


async def test_several_processes_write_and_open_in_turn(path: Path) -> None:
    store, other = await opened_at(path), await opened_at(path)
    for number in range(5):
        await store.execute(registration(f"a{number}"))
        await other.execute(registration(f"b{number}"))
        await (await opened_at(path)).close()
    await store.close()
    await other.close()
    store = await opened_at(path)
    assert len(await workers(store)) == 10
    await store.close()


async def test_the_file_is_looked_at_and_marked_seldom(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "LOOK_EVERY", 60.0)
    monkeypatch.setattr(identity, "MARK_EVERY", 60.0)
    looked, marked = list[Any](), list[Any]()
    stat, note = os.stat, identity.note

    def counted_stat(path: str) -> os.stat_result:
        looked.append(path)
        return stat(path)

    def counted_note(path: str, noted: identity.Identity) -> None:
        marked.append(noted)
        note(path, noted)

    harness = StoreHarness(store, store.url, "", open_store, ManualClock())
    lease = await harness.running()
    monkeypatch.setattr(identity.os, "stat", counted_stat)
    monkeypatch.setattr(identity, "note", counted_note)
    store._file._look_after = store._file._mark_after = float("-inf")
    for number in range(50):
        await harness.commit(lease, harness.step(str(number)))
    assert (len(looked), len(marked)) == (2, 1)  # at the database and its log, once

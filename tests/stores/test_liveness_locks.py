"""The lock that proves a worker's life: looking at it refuses no worker, and one that lives is never proven dead."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.errors import SettingInvalid
from perdure.stores.sqlite.liveness_locks import LEFT, LivenessLocks


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "perdure.db")


@pytest.fixture
def locks(path: str) -> Iterator[LivenessLocks]:
    made = LivenessLocks(path)
    yield made
    made.close()


@pytest.fixture
def looking(path: str) -> Iterator[int]:
    """Another process that looks at the lock of the worker `one`, and stands still while it does."""
    folder = Path(f"{path}-workers")
    folder.mkdir()
    handle = os.open(folder / "one", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    yield handle
    os.close(handle)


def test_a_look_that_takes_its_time_refuses_no_worker(path: str, locks: LivenessLocks, looking: int) -> None:
    locks.hold("one")
    assert LivenessLocks(path).life("one") == "alive"
    with pytest.raises(SettingInvalid, match="another process is the worker"):
        LivenessLocks(path).hold("one")


def test_a_look_that_ends_meanwhile_refuses_no_worker(path: str, locks: LivenessLocks, looking: int) -> None:
    before = Path(f"{path}-workers", "one").stat().st_ino
    timer = threading.Timer(0.01, fcntl.flock, (looking, fcntl.LOCK_UN))
    timer.start()
    locks.hold("one")
    timer.join()
    assert Path(f"{path}-workers", "one").stat().st_ino == before
    assert LivenessLocks(path).life("one") == "alive"


def test_two_that_look_at_once_both_see_a_death(path: str, looking: int) -> None:
    assert LivenessLocks(path).life("one") == "dead"


def test_workers_that_come_and_go_are_never_refused_nor_proven_dead_while_somebody_looks(
    path: str, locks: LivenessLocks
) -> None:
    over, held, mistaken = threading.Event(), set[str](), list[str]()

    def look() -> None:
        others = LivenessLocks(path)
        while not over.is_set():
            for worker_id in tuple(held):
                if others.life(worker_id) == "dead" and worker_id in held:
                    mistaken.append(worker_id)
            others.life("next")

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(100):
        Path(f"{path}-workers").mkdir(exist_ok=True)
        Path(f"{path}-workers", "next").touch()  # what a worker of this name left that was killed
        locks.hold("next")
        held.add("next")
        held.discard("next")
        locks.drop("next")
        locks.hold(f"{number}")
        held.add(f"{number}")
    over.set()
    for thread in threads:
        thread.join()
    assert mistaken == []


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_not_taken_for_one(
    path: str, locks: LivenessLocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, removed = os.open, list[str]()

    def open_and_lose(file: Path, *rest: int) -> int:
        handle = opened(file, *rest)
        if not removed:
            removed.append(str(file))
            file.unlink()
        return handle

    monkeypatch.setattr(os, "open", open_and_lose)
    locks.hold("one")
    monkeypatch.undo()
    assert removed
    assert Path(f"{path}-workers", "one").exists()
    assert LivenessLocks(path).life("one") == "alive"


def test_a_worker_that_was_not_retired_lives_as_long_as_its_process(path: str) -> None:
    program = (
        "import os, sys\n"
        "from perdure.stores.sqlite.liveness_locks import LEFT, LivenessLocks\n"
        f"locks, others = LivenessLocks({path!r}), LivenessLocks({path!r})\n"
        "locks.hold('one')\n"
        "locks.close()\n"
        "print(others.life('one'), flush=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.close(1)\n"
        "    sys.stdin.read()\n"
        "    os._exit(0)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.read() == b"own\n"
        assert process.wait(10) == 0
        assert LivenessLocks(path).life("one") == "dead", "although its child lives on"
        process.stdin.close()


def test_a_process_becomes_a_worker_again_that_it_was_before(path: str, locks: LivenessLocks) -> None:
    earlier = LivenessLocks(path)
    earlier.hold("one")
    earlier.close()
    locks.hold("one")
    assert LivenessLocks(path).life("one") == "alive"
    locks.drop("one")
    assert not Path(f"{path}-workers", "one").exists()


def test_what_was_forgotten_since_is_held_anew(path: str, locks: LivenessLocks) -> None:
    earlier = LivenessLocks(path)
    earlier.hold("one")
    earlier.close()
    Path(f"{path}-workers", "one").unlink()
    locks.hold("one")
    assert Path(f"{path}-workers", "one").exists()
    assert LivenessLocks(path).life("one") == "alive"


def test_the_locks_that_are_kept_are_bounded_and_the_oldest_are_given_back(path: str) -> None:
    earlier, others = LivenessLocks(path), LivenessLocks(path)
    names = [f"{number}" for number in range(3 * LEFT)]
    for name in names:
        earlier.hold(name)
    earlier.close()
    assert [name for name in names if others.life(name) == "own"] == names[-LEFT:]


def test_two_workers_whose_ids_begin_alike_have_a_lock_each(path: str, locks: LivenessLocks) -> None:
    one, other = (f"{'ш' * 41}{last}" for last in "ab")
    locks.hold(one)
    others = LivenessLocks(path)
    others.hold(other)
    assert (others.life(one), locks.life(other)) == ("alive", "alive")
    locks.lose(one)
    assert others.life(one) == "dead"
    locks.tidy([other])
    assert locks.life(other) == "alive"
    others.close()

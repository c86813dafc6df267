"""Processes get time slices at a file: some commits each, none for long, and none where nothing is committed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from perdure.stores import open_store
from perdure.stores.sqlite import time_slices, write_queue, writer, writer_thread
from perdure.stores.sqlite.time_slices import IDLE, TIME_SLICE, TimeSlices
from perdure.stores.sqlite.write_queue import WriteQueue
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness
from tests.chaos.processes import eventually

WITHIN = 10.0


class Process:
    """The slices of one process: it has opened the lock files for itself, and that is all that the locks know."""

    def __init__(self, path: str) -> None:
        self.now = 0.0
        self.write_queue = WriteQueue(path)
        self.slices = TimeSlices(self.write_queue, lambda: self.now)

    def is_let_in(self) -> bool:
        """Whether it can commit at once; it leaves again."""
        try:
            return self.slices.try_enter(self.now)
        finally:
            self.slices.leave()

    def wait_for(self, other: Process) -> None:
        """Enter after the other one, which is inside and leaves meanwhile."""
        waiting = threading.Thread(target=self.slices.enter)
        waiting.start()
        mine: Any = self.write_queue
        while mine._place is None:
            time.sleep(0.001)
        other.slices.leave()
        waiting.join(WITHIN)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    made = Process(str(tmp_path / "x.db")), Process(str(tmp_path / "x.db"))
    yield made
    for process in made:
        process.write_queue.close()


@pytest.fixture
def granted(two: tuple[Process, Process]) -> tuple[Process, Process]:
    """The first one has a slice: it had to wait for the other one, and has committed."""
    first, second = two
    assert second.slices.try_enter(0.0)
    first.wait_for(second)
    first.slices.leave(may_stay=True)
    return two


def test_who_had_to_wait_commits_again_before_anybody_else(granted: tuple[Process, Process]) -> None:
    first, second = granted
    for _ in range(5):
        assert not second.is_let_in()
        assert first.is_let_in()


def test_a_slice_ends_with_the_first_commit_after_its_time(granted: tuple[Process, Process]) -> None:
    first, second = granted
    first.now = TIME_SLICE * 0.99
    assert first.is_let_in()
    assert not second.is_let_in()
    first.now = TIME_SLICE
    assert first.is_let_in()
    assert second.is_let_in()


def test_who_waits_is_let_in_before_the_one_whose_slice_has_ended(granted: tuple[Process, Process]) -> None:
    first, second = granted
    first.now = TIME_SLICE
    second.wait_for(first)
    assert not first.is_let_in()
    second.slices.leave(may_stay=True)
    assert not first.is_let_in()


def test_who_did_not_have_to_wait_has_no_slice(two: tuple[Process, Process]) -> None:
    first, second = two
    first.slices.enter()
    assert not second.is_let_in()
    first.slices.leave(may_stay=True)
    assert second.is_let_in()


def test_only_who_will_see_to_its_end_begins_a_slice(two: tuple[Process, Process]) -> None:
    first, second = two
    assert second.slices.try_enter(0.0)
    first.wait_for(second)
    first.slices.leave()
    assert second.is_let_in()


def test_a_slice_is_not_ended_within_a_commit(granted: tuple[Process, Process]) -> None:
    first, second = granted
    with ThreadPoolExecutor(1) as committing:
        committing.submit(first.slices.busy.acquire).result()
        first.slices.end_unless_busy()
        assert not second.is_let_in()
        committing.submit(first.slices.busy.release).result()
    first.slices.end_unless_busy()
    assert second.is_let_in()


async def test_a_slice_ends_when_the_loop_has_nothing_to_commit(granted: tuple[Process, Process]) -> None:
    first, second = granted
    first.slices.end_when_idle(asyncio.get_running_loop())
    for _ in range(3 * IDLE):
        await asyncio.sleep(0)
        assert first.is_let_in()
    assert not second.is_let_in()
    for _ in range(IDLE + 2):
        first.slices.end_when_idle(asyncio.get_running_loop())  # whoever asks again does not shorten it
        await asyncio.sleep(0)
    assert second.is_let_in()


# A store beside another process.


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "perdure.db")


@pytest.fixture
def lock(path: str) -> Iterator[int]:
    """The lock, as another process that is there has it."""
    handles = [os.open(f"{path}-{name}", os.O_RDWR | os.O_CREAT, 0o600) for name in ("lock", "present")]
    fcntl.flock(handles[1], fcntl.LOCK_SH)
    yield handles[0]
    for handle in handles:
        os.close(handle)


@pytest.fixture
async def harness(path: str, lock: int) -> AsyncIterator[StoreHarness]:
    url, clock = f"sqlite:///{path}", ManualClock()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock)
    yield harness
    await harness.close()


async def lands_after_others(harness: StoreHarness, lock: int, commit: Coroutine[Any, Any, object]) -> None:
    """Let a commit wait for another process; it is in a slice of its own then."""
    store: Any = harness.store
    fcntl.flock(lock, fcntl.LOCK_EX)
    waiting = asyncio.create_task(commit)

    async def is_in_the_queue() -> bool:
        return store._write_queue._place is not None

    await eventually(is_in_the_queue, "the commit waits")
    fcntl.flock(lock, fcntl.LOCK_UN)
    await waiting


def is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(lock, fcntl.LOCK_UN)
    return True


@pytest.fixture
def for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice has no end in time."""
    monkeypatch.setattr(time_slices, "TIME_SLICE", 1e9)
    monkeypatch.setattr(writer_thread, "TIME_SLICE", 1e9)
    monkeypatch.setattr(writer, "SLOW_AFTER", 1e9)  # whatever the disk is doing, commits stay on the loop


@pytest.mark.usefixtures("for_ever")
async def test_in_its_slice_a_store_commits_on_the_loop_and_a_single_run_at_once(
    harness: StoreHarness, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.worker()
    lease = await harness.lease(await harness.run("run"))
    store: Any = harness.store
    await lands_after_others(harness, lock, harness.commit(lease, harness.step("0")))
    handed: list[object] = []
    monkeypatch.setattr(store._writer, "_hand_over", handed.append)
    for number in range(1, 20):
        assert not is_free(lock)
        assert store._writer._single is lease
        await harness.commit(lease, harness.step(str(number)))
    monkeypatch.undo()
    assert handed == []


@pytest.mark.usefixtures("for_ever")
async def test_a_store_that_has_nothing_more_to_commit_lets_others_in_at_once(harness: StoreHarness, lock: int) -> None:
    await lands_after_others(harness, lock, harness.run())
    assert not is_free(lock)
    for _ in range(IDLE + 2):
        await asyncio.sleep(0)
    assert is_free(lock)


@pytest.mark.usefixtures("for_ever")
async def test_a_store_that_is_closed_in_its_slice_ends_it(harness: StoreHarness, lock: int) -> None:
    await lands_after_others(harness, lock, harness.run())
    await harness.store.close()
    assert is_free(lock)


async def test_a_function_that_holds_the_loop_up_does_not_hold_others_up(harness: StoreHarness, lock: int) -> None:
    await lands_after_others(harness, lock, harness.run())
    begun = time.monotonic()
    fcntl.flock(lock, fcntl.LOCK_EX)  # the loop stands still until another thread has given it up
    assert time.monotonic() - begun < WITHIN
    fcntl.flock(lock, fcntl.LOCK_UN)


HOLDER = """
import sys
from perdure.stores.sqlite.time_slices import TimeSlices
from perdure.stores.sqlite.write_queue import WriteQueue

slices = TimeSlices(WriteQueue(sys.argv[1]), lambda: 0.0)
print("there", flush=True)
slices.enter()
slices.leave(may_stay=True)
print("its slice" if slices.is_on else "none", flush=True)
sys.stdin.read()
"""


@pytest.fixture
async def holder(path: str, lock: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process in its slice."""
    pipe = asyncio.subprocess.PIPE
    fcntl.flock(lock, fcntl.LOCK_EX)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, path, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    queue = os.open(f"{path}-next", os.O_RDWR | os.O_CREAT, 0o600)
    assert await process.stdout.readline() == b"there\n"

    async def is_in_the_queue() -> bool:
        return not is_free(queue)

    await eventually(is_in_the_queue, "the process waits")
    os.close(queue)
    fcntl.flock(lock, fcntl.LOCK_UN)
    assert await process.stdout.readline() == b"its slice\n"
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def test_a_slice_of_a_process_that_is_killed_ends(
    holder: asyncio.subprocess.Process, harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "TIMEOUT", 1e6)
    async with asyncio.timeout(WITHIN):
        waiting = asyncio.create_task(harness.run("run"))
        await asyncio.wait([waiting], timeout=0.1)
        assert not waiting.done()
        holder.kill()
        await waiting


async def test_a_slice_of_a_process_that_stands_still_holds_nobody_up_for_ever(
    holder: asyncio.subprocess.Process, harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue, "TIMEOUT", 0.2)
    holder.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(WITHIN):
        for number in range(3):
            await harness.run(f"run{number}")
    holder.send_signal(signal.SIGCONT)
    assert len(await harness.store.runs.list(tenant=None)) == 3

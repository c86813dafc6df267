"""Threads of a store: an error that nobody expected ends none of them, and one that can't start is a typed error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perdure.core import topics
from perdure.core.operations import RegisterWorker, RenewWorker
from perdure.errors import StoreUnavailable
from perdure.stores import background, open_store
from perdure.stores.background import BackgroundThread, tell
from perdure.stores.sqlite import group, write_queue, writer_thread
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness

AT = datetime(2026, 1, 1, tzinfo=UTC)
WITHIN = 10.0


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setattr(background, "FIRST_PAUSE", 0.0)
    opened = await open_store(f"sqlite:///{tmp_path}/perdure.db")
    yield opened
    async with asyncio.timeout(WITHIN):
        await opened.close()


def registration(worker_id: str) -> RegisterWorker:
    return RegisterWorker(worker_id=worker_id, incarnation=worker_id, at=AT, lease_for=1e9)


def renewal(worker_id: str) -> RenewWorker:
    return RenewWorker(worker_id=worker_id, incarnation=worker_id, beat=1, lease_for=2e9, at=AT)


def harness_of(store: Any) -> StoreHarness:
    return StoreHarness(store, store.url, "", open_store, ManualClock())


async def register(store: Any, worker_id: str) -> None:
    async with asyncio.timeout(WITHIN):
        await store.execute(registration(worker_id))


async def workers(store: Any) -> list[str]:
    return sorted(worker.worker_id for worker in await store.workers.list())


class Once:
    """A method that raises the first time, before or after it has done its work."""

    def __init__(self, real: Any, error: BaseException, *, after: bool = False) -> None:
        self.real, self.error, self.after, self.raised = real, error, after, False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.raised:
            return self.real(*args, **kwargs)
        self.raised = True
        if self.after:
            self.real(*args, **kwargs)
        raise self.error


ERRORS = [RuntimeError("can't start new thread"), OSError("no locks left"), SystemExit(1)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("method", "after", "lands"),
    [("enter", False, False), ("commit", False, False), ("commit", True, True), ("leave", True, True)],
)
async def test_a_commit_that_meets_an_unexpected_error_in_the_writer_is_answered_and_the_next_one_lands(
    store: Any, method: str, after: bool, lands: bool, error: BaseException
) -> None:
    commits = store._writer._group
    commits.pace = 1.0  # the disk is slow: commits go to the thread
    once = Once(getattr(commits, method), error, after=after)
    setattr(commits, method, once)
    if method == "leave" and isinstance(error, Exception):
        await register(store, "one")  # what has landed has landed
    else:
        with pytest.raises(StoreUnavailable) as failed:
            await register(store, "one")
        assert failed.value.unknown is (method != "enter" or not isinstance(error, Exception))
    assert once.raised
    commits.pace = 1.0
    await register(store, "two")
    assert await workers(store) == (["one", "two"] if lands else ["two"])


@pytest.mark.parametrize("method", ["try_enter", "commit_if_free", "leave"])
async def test_a_commit_that_meets_an_unexpected_error_on_the_loop_is_answered_and_the_next_one_lands(
    store: Any, method: str
) -> None:
    commits = store._writer._group
    once = Once(getattr(commits, method), OSError("no locks left"), after=method == "leave")
    setattr(commits, method, once)
    if method == "commit_if_free":
        with pytest.raises(StoreUnavailable, match="not known"):
            await register(store, "one")
    else:
        await register(store, "one")
    assert once.raised
    await register(store, "two")
    assert (await workers(store))[-1] == "two"


@pytest.mark.parametrize("method", ["try_enter", "leave"])
async def test_a_single_run_that_meets_an_unexpected_error_commits_each_step_once(store: Any, method: str) -> None:
    harness = harness_of(store)
    lease = await harness.running()
    for number in range(3):
        await harness.commit(lease, harness.step(str(number)))
    commits = store._writer._group
    once = Once(getattr(commits, method), OSError("no locks left"), after=method == "leave")
    setattr(commits, method, once)
    async with asyncio.timeout(WITHIN):
        for number in range(3, 6):
            await harness.commit(lease, harness.step(str(number)))
    assert once.raised
    assert [step.position for step in await store.steps.list("run", tenant=None)] == [
        str(number) for number in range(6)
    ]


@pytest.mark.parametrize("fails", ["checkpoint", "enter"])
async def test_a_checkpoint_that_meets_an_unexpected_error_holds_no_commit_up(
    store: Any, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    monkeypatch.setattr(group, "CHECKPOINT_PAGES", 5)
    store._writer._group._checkpoint_at = 5
    once = Once(getattr(store._writer._group, fails), OSError("no locks left"))
    setattr(store._writer._group, fails, once)
    for number in range(20):
        await register(store, f"{number:02}")
    assert once.raised
    assert len(await workers(store)) == 20


async def test_a_look_that_meets_an_unexpected_error_is_made_again(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_thread, "POLL_AFTER", 0.001)
    raised, look = threading.Event(), store._writer._group.look

    def faulty() -> Any:
        if not raised.is_set():
            raised.set()
            raise RuntimeError("a fault")
        return look()

    store._writer._group.look = faulty
    watch, other = store.watch(topics.queue("default")), await open_store(store.url)
    assert await asyncio.to_thread(raised.wait, WITHIN)
    await harness_of(other).run()
    async with asyncio.timeout(WITHIN):
        await watch.wait()
    watch.close()
    await other.close()


async def test_a_listener_that_raises_holds_no_commit_up(store: Any) -> None:
    called = list[int]()

    def fail() -> None:
        called.append(1)
        raise ZeroDivisionError("a fault of the listener's")

    stop = store.listen(topics.queue("default"), fail)
    for pace in (0.0, 1.0):
        store._writer._group.pace = pace
        async with asyncio.timeout(WITHIN):
            await harness_of(store).run(f"at {pace}")
    stop()
    assert sorted(run.run_id for run in await store.runs.list(tenant=None)) == ["at 0.0", "at 1.0"]
    assert called


async def test_a_renewal_that_meets_an_unexpected_error_raises_a_store_error(store: Any) -> None:
    await register(store, "one")
    store._writer._group.commit = Once(store._writer._group.commit, RuntimeError("a fault"))
    with pytest.raises(StoreUnavailable):
        await asyncio.to_thread(store.renew, renewal("one"))
    assert await asyncio.to_thread(store.renew, renewal("one")) == ()


@pytest.mark.parametrize(
    ("error", "raised"), [(ZeroDivisionError("a fault"), ZeroDivisionError), (SystemExit(1), StoreUnavailable)]
)
async def test_a_read_that_meets_an_unexpected_error_raises_it_and_the_next_one_is_served(
    store: Any, error: BaseException, raised: type[Exception]
) -> None:
    def read(tx: Any) -> int:
        raise error

    def seven(tx: Any) -> int:
        return tx.number("SELECT 7")

    async with asyncio.timeout(WITHIN):
        with pytest.raises(raised):
            await store._reader.run(read)
        assert await store._reader.run(seven) == 7


def test_an_answer_to_a_loop_that_is_closed_is_dropped() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    assert tell(loop, lambda: None) is False


@pytest.mark.parametrize("error", [ZeroDivisionError("a fault"), SystemExit(1), GeneratorExit()])
def test_a_thread_whose_turn_raises_takes_the_next_one(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    turns = list[BaseException | None]([error, None])

    def turn() -> bool:
        if (raised := turns.pop(0)) is not None:
            raise raised
        return bool(turns)

    thread = BackgroundThread("perdure-test", turn)
    thread.start()
    thread.join()
    assert turns == []
    assert "perdure-test met an error that nobody expected" in caplog.text


# Threads that can't start.


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("name", ["perdure-opening", "perdure-reader", "perdure-writer"])
async def test_a_store_whose_thread_can_not_start_is_unavailable_and_opens_later(
    tmp_path: Path, unstartable: set[str], name: str
) -> None:
    url = f"sqlite:///{tmp_path}/perdure.db"
    await (await open_store(url)).close()
    before = descriptors()
    unstartable.add(name)
    with pytest.raises(StoreUnavailable, match="can't start new thread"):
        await open_store(url)
    assert descriptors() == before
    unstartable.clear()
    await (await open_store(url)).close()


async def test_a_store_can_be_closed_while_no_thread_can_start(tmp_path: Path, unstartable: set[str]) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/perdure.db")
    unstartable |= {f"asyncio_{number}" for number in range(10)}
    unstartable.update(f"ThreadPoolExecutor-{number}_0" for number in range(10))
    async with asyncio.timeout(WITHIN):
        await asyncio.gather(store.close(), store.close())


async def test_a_commit_whose_place_in_the_queue_has_no_thread_lands_all_the_same(
    store: Any, unstartable: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(self: Any) -> bool:
        return False

    unstartable.add("perdure-write-queue")
    commits = store._writer._group
    monkeypatch.setattr(write_queue.WriteQueue, "_take", never)  # somebody else is inside
    commits.pace = 1.0
    await register(store, "one")
    assert await workers(store) == ["one"]
    assert not store._write_queue._is_stuck()

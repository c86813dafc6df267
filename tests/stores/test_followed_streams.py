"""What other processes append to streams is told of to whoever follows them here, once, and at little cost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from perdure.core import topics
from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.compaction import compact
from perdure.core.operations import AppendEntries, DeleteRun, ReplaceLane
from perdure.core.records import MAX_ENTRIES, TOMBSTONE_FOR, Lease
from perdure.errors import InputError, SeqConflict, StoreUnavailable
from perdure.stores import open_store
from perdure.stores.notices import Notices
from perdure.stores.sqlite import writer_thread
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness
from tests.stores.dying_workers import let_die


class MovedClock(ManualClock):
    """What a look takes is what the test says."""

    def elapsed(self) -> float:
        return self.lease_at


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StoreHarness]:
    monkeypatch.setattr(writer_thread, "POLL_AFTER", 60.0)  # only the test looks
    clock, url = MovedClock(), f"sqlite:///{tmp_path}/perdure.db"
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock, let_die)
    yield harness
    await harness.close()


@pytest.fixture
async def there(here: StoreHarness) -> AsyncIterator[StoreHarness]:
    """The same file, as another process has it."""
    store = await open_store(here.url, clock=here.clock)
    yield StoreHarness(store, here.url, "", open_store, here.clock, let_die)
    await store.close()


def append(*seqs: int) -> AppendEntries:
    return AppendEntries(tuple(chunk_entry(Chunk(kind="text", text="word ", part=0), "0", seq, seq) for seq in seqs))


def follow(harness: StoreHarness, *run_ids: str, tenant: str | None = None) -> list[str]:
    """The topics that are told of from now on."""
    told = list[str]()
    for run_id in run_ids:
        topic = topics.stream(tenant, run_id)
        harness.store.listen(topic, lambda topic=topic: told.append(topic))
    return told


def ignore() -> None:
    """Listen to nothing in particular."""


@contextmanager
def counted(harness: StoreHarness) -> Generator[list[str]]:
    """The statements of the writer's connection."""
    statements = list[str]()

    def count(_: Any, sql: str, __: Any) -> bool:
        statements.append(sql)
        return True

    connection = group_of(harness)._connection
    connection.exec_trace = count
    yield statements
    connection.exec_trace = None


def look(harness: StoreHarness) -> list[str]:
    """What a look at what other processes have committed finds of streams."""
    settled = group_of(harness).look()
    assert not settled.missed
    return sorted(topic for topic in settled.topics if topic.startswith("stream:"))


def group_of(harness: StoreHarness) -> Any:
    store: Any = harness.store
    return store._writer._group


async def running(harness: StoreHarness, *run_ids: str) -> list[Lease]:
    return [await harness.running(run_id) for run_id in run_ids]


async def test_what_another_process_appends_is_told_of_once(here: StoreHarness, there: StoreHarness) -> None:
    one, other = await running(there, "one", "other")
    follow(here, "one")
    look(here)
    for seq in (1, 2):
        await there.commit(one, append(seq))
        await there.commit(other, append(seq))
        assert look(here) == ["stream:one"]
        assert look(here) == []
    await there.commit(other, append(3))
    assert look(here) == []


async def test_a_stream_that_is_new_here_is_told_of_once(here: StoreHarness, there: StoreHarness) -> None:
    (one,) = await running(there, "one")
    await there.commit(one, append(1))
    look(here)
    follow(here, "one", "not there yet")
    await there.run("anything")
    assert look(here) == ["stream:not there yet", "stream:one"]
    await there.run("anything else")
    assert look(here) == []


async def test_of_own_entries_no_look_tells_again(here: StoreHarness, there: StoreHarness) -> None:
    (lease,) = await running(here, "run")
    told = follow(here, "run")
    await there.run("before")
    look(here)
    await here.commit(lease, append(1), here.step("0"))  # a group
    await here.commit(lease, here.step("1"))
    for seq in (2, 3, 4):
        await here.commit(lease, append(seq))  # alone
    assert told == ["stream:run"] * 4
    await there.run("after")
    assert look(here) == []


async def test_entries_that_take_the_place_of_others_are_told_of(here: StoreHarness, there: StoreHarness) -> None:
    (lease,) = await running(there, "run")
    await there.commit(lease, append(1, 2, 3))
    follow(here, "run")
    look(here)
    said = [Chunk(kind="text", text="word ", part=0, seq=seq) for seq in (1, 2, 3)]
    whole = ReplaceLane(compact("0", 4, said), 1)
    await there.commit(lease, whole)
    assert look(here) == ["stream:run"]
    before = await there.everything()
    await there.commit(lease, ReplaceLane(compact("0", 3, said), 1))  # without a higher seq nothing is replaced
    await there.commit(lease, whole)
    assert await there.everything() == before


async def test_a_stream_that_is_deleted_and_begun_again_is_told_of(here: StoreHarness, there: StoreHarness) -> None:
    (lease,) = await running(there, "run")
    await there.commit(lease, append(1, 2))
    follow(here, "run")
    look(here)
    await there.ended("run")
    look(here)
    await there.do(DeleteRun(tenant=None, run_id="run", at=there.at))
    assert look(here) == ["stream:run"]
    await there.ended("other")
    there.advance(TOMBSTONE_FOR.total_seconds() + 1)
    await there.do(DeleteRun(tenant=None, run_id="other", at=there.at))  # and the id of the first is free again
    look(here)
    for seq in (1, 2, 3):
        (lease,) = [await there.running("run", "bob")] if seq == 1 else [lease]
        await there.commit(lease, append(seq))
        assert look(here) == ["stream:run"]
    assert look(here) == []


async def test_an_id_with_a_slash_is_not_taken_for_a_tenant(here: StoreHarness, there: StoreHarness) -> None:
    (lease,) = await running(there, "a/b")
    follow(here, "a/b")
    look(here)
    await there.commit(lease, append(1))
    assert look(here) == ["stream:a/b"]


@pytest.mark.parametrize("tenant", ["t", "a/b", "50%", "%2F"])
async def test_the_streams_of_tenants_are_told_of(here: StoreHarness, there: StoreHarness, tenant: str) -> None:
    there.tenant = tenant
    (lease,) = await running(there, "run/0")
    follow(here, "run/0", tenant=tenant)
    look(here)
    await there.commit(lease, append(1))
    assert look(here) == [topics.stream(tenant, "run/0")]
    assert look(here) == []


async def test_after_a_long_look_the_next_one_waits(
    here: StoreHarness, there: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lease,) = await running(there, "run")
    follow(here, "run")
    streams = group_of(here)._news.streams
    read = streams._read

    def slowly(wanted: str) -> Any:
        here.advance(0.02)
        return read(wanted)

    monkeypatch.setattr(streams, "_read", slowly)
    for seq in (1, 2, 3):
        here.advance(1)
        await there.commit(lease, append(seq))
        assert look(here) == ["stream:run"]
    await there.commit(lease, append(4))
    assert look(here) == []
    here.advance(0.17)
    assert look(here) == []
    here.advance(0.02)
    assert look(here) == ["stream:run"]  # nothing was committed meanwhile, and it is not forgotten


async def test_what_waits_is_told_of_by_an_own_commit_too(here: StoreHarness, there: StoreHarness) -> None:
    (lease,) = await running(there, "run")
    told = follow(here, "run")
    look(here)
    group_of(here)._news.streams._rests_until = here.clock.elapsed() + 0.5  # a look has taken long
    await there.commit(lease, append(1))
    await here.run("one")
    assert told == []
    here.advance(0.6)
    await here.run("other")
    assert told == ["stream:run"]


async def test_what_was_not_committed_is_not_noted(
    here: StoreHarness, there: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lease,) = await running(here, "run")
    follow(here, "run")
    await there.run("before")
    look(here)
    tx = group_of(here)._tx
    run = tx.run

    def fail(sql: str, *values: Any) -> Any:
        if sql == "COMMIT":
            raise apsw.FullError("disk full")
        return run(sql, *values)

    monkeypatch.setattr(tx, "run", fail)
    await here.commit_refused(StoreUnavailable, lease, append(1), here.step("0"))
    monkeypatch.setattr(tx, "run", run)
    await here.commit(lease, here.step("1"), here.step("2"))
    await there.commit(lease, append(1))
    assert look(here) == ["stream:run"]


async def test_many_followed_streams_are_one_statement(here: StoreHarness, there: StoreHarness) -> None:
    run_ids = [f"run{number}" for number in range(200)]
    await asyncio.gather(*(there.run(run_id) for run_id in run_ids))
    follow(here, *run_ids)
    for _ in range(1000):
        here.store.listen("run:other", ignore)
    look(here)
    (lease,) = await running(there, "run7")
    await there.commit(lease, append(1))
    with counted(here) as statements:
        assert look(here) == ["stream:run7"]
    assert len([one for one in statements if "chunks" in one]) == 1
    assert len(statements) <= 5


async def test_a_process_that_follows_nothing_looks_at_no_stream(here: StoreHarness, there: StoreHarness) -> None:
    look(here)
    (lease,) = await running(there, "run")
    await there.commit(lease, append(1))
    with counted(here) as statements:
        assert look(here) == []
    assert [one for one in statements if "chunks" in one] == []


@pytest.mark.parametrize("url", ["memory:", "sqlite"])
async def test_a_seq_has_a_largest_number(url: str, tmp_path: Path) -> None:
    clock = ManualClock()
    where = url if url == "memory:" else f"sqlite:///{tmp_path}/perdure.db"
    harness = StoreHarness(await open_store(where, clock=clock), where, "", open_store, clock, let_die)
    first, second = await running(harness, "one", "two")
    await harness.commit(second, append(1))
    last = compact("0", MAX_ENTRIES, [])
    await harness.commit_refused(InputError, first, ReplaceLane(compact("0", MAX_ENTRIES + 1, []), 1))
    await harness.commit_refused(InputError, first, append(MAX_ENTRIES + 1))
    await harness.commit(first, ReplaceLane(last, 1))
    await harness.commit_refused(SeqConflict, second, append(3))
    found = [await harness.store.streams.read(name, tenant=None) for name in ("one", "two")]
    assert [[entry.seq for entry in page.entries] for page in found] == [[MAX_ENTRIES], [1]]
    assert [page.head for page in found] == [MAX_ENTRIES, 1]
    await harness.close()


async def test_any_thread_may_ask_what_is_listened_to() -> None:
    notices, stopped = Notices(), threading.Event()
    found, failures = set[str](), list[BaseException]()

    def ask() -> None:
        try:
            while not stopped.is_set():
                found.update(notices.topics("stream"))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    for number in range(3000):
        stops = [notices.listen(f"{kind}:{number % 7}", ignore) for kind in ("stream", "run", "stream")]
        for stop in stops:
            stop()
            stop()
    stopped.set()
    await asyncio.get_running_loop().run_in_executor(None, thread.join)
    assert failures == []
    assert found <= {f"stream:{number}" for number in range(7)}
    assert notices.topics("stream") == notices.topics("run") == ()
    stop = notices.listen("stream:one", ignore)
    assert notices.topics("stream") == ("stream:one",)
    stop()

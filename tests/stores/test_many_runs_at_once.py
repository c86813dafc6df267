"""Many runs that begin, go on and end side by side share statements: the outcome of each is as if it came alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from perdure.core import topics
from perdure.core.operations import HolderOperation, OutsideOperation
from perdure.core.records import Lease
from perdure.errors import LeaseLost
from perdure.stores.memory import MemoryStore
from perdure.stores.port import Store
from perdure.stores.sqlite import batched_statements, group, open_sqlite
from perdure.stores.sqlite.transaction import WriteTransaction
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import GO
from tests.stores.dying_workers import let_die
from tests.stores.test_agreement import outcome

Commit: TypeAlias = OutsideOperation | tuple[Lease, HolderOperation]
Prepare: TypeAlias = Callable[[StoreHarness], Awaitable[list[Commit]]]


async def open_memory(url: str, *, clock: ManualClock) -> Store:
    return MemoryStore(clock=clock)


async def open_file(url: str, *, clock: ManualClock) -> Store:
    return await open_sqlite(url, url.removeprefix("sqlite:///"), clock)


@pytest.fixture
async def harnesses(tmp_path: Path) -> AsyncIterator[tuple[StoreHarness, StoreHarness]]:
    """Memory, which lands one commit after the other, and SQLite."""
    url, one, other = f"sqlite:///{tmp_path}/x.db", ManualClock(), ManualClock()
    memory = StoreHarness(MemoryStore(clock=one), "memory:", "", open_memory, one)
    sqlite = StoreHarness(await open_file(url, clock=other), url, "", open_file, other, let_die)
    yield memory, sqlite
    await sqlite.close()


@pytest.fixture
def landed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, list[bool]]]:
    """For each part of a group: its kind, and which of its commits landed by the statement of that kind."""
    found = list[tuple[str | None, list[bool]]]()

    def land(tx: WriteTransaction, kind: batched_statements.Kind | None, requests: Any) -> batched_statements.Landed:
        outcomes = batched_statements.land_batch(tx, kind, requests)
        found.append((kind, [outcome is not None for outcome in outcomes]))
        return outcomes

    monkeypatch.setattr(group, "land_batch", land)
    return found


def land(store: Store, commit: Commit) -> Awaitable[Any]:
    return store.commit(*commit) if isinstance(commit, tuple) else store.execute(commit)


async def landing(harness: StoreHarness, commits: list[Commit], runs: tuple[str, ...]) -> tuple[Any, set[str], Any]:
    """Land a group. Shape: what each gives, the topics that there is news of, and all that the store holds after."""
    told, store = set[str](), harness.store
    queues = ("default", "slow")
    heard = [
        *(make(harness.tenant, run) for run in runs for make in (topics.run, topics.end, topics.stream)),
        *map(topics.queue, queues),
    ]
    stops = [store.listen(topic, lambda topic=topic: told.add(topic)) for topic in heard]
    outcomes = await asyncio.gather(*(outcome(land(store, commit)) for commit in commits))
    for stop in stops:
        stop()
    held = {
        key: value for key, value in (await harness.everything()).items() if key != ("workers",)
    }  # they name the boot
    return outcomes, told, held


async def both(
    harnesses: tuple[StoreHarness, StoreHarness], prepare: Prepare, landed: list[Any], *runs: str
) -> tuple[list[Any], list[tuple[str | None, list[bool]]]]:
    """The outcomes, and what landed by which statement; memory and SQLite agree on all that can be seen."""
    found = list[tuple[Any, set[str], Any]]()
    for harness in harnesses:
        commits = await prepare(harness)
        landed.clear()
        found.append(await landing(harness, commits, runs))
    expected, got = found
    assert got[0] == expected[0]
    assert got[1] == expected[1]
    assert got[2] == expected[2]
    return got[0], landed


async def test_of_many_that_are_created_each_has_its_own_outcome(
    harnesses: tuple[StoreHarness, StoreHarness], landed: list[Any]
) -> None:
    async def prepare(harness: StoreHarness) -> list[Commit]:
        await harness.run("there")
        await harness.do(harness.delete(await harness.ended("deleted")))
        return [
            harness.create("a"),
            harness.create("there"),
            harness.create("there", manifest_hash="other"),
            harness.create("deleted"),
            harness.create("b", queue="slow", manifest=b'{"b":1}'),
            harness.create("a"),
            msgspec.structs.replace(harness.create("a"), tenant="eve", at=harness.after(1)),
            harness.create("child", parent_id="there"),
            harness.create("keyed", key="k"),
            harness.create("c"),
        ]

    outcomes, ways = await both(harnesses, prepare, landed, "a", "b", "c", "there", "deleted", "child", "keyed")
    assert [one[0] if isinstance(one, tuple) else "made" for one in outcomes] == [
        *("made", "made", "RunInputMismatch", "Deleted", "made", "made", "made", "made", "made", "made")
    ]
    by_statement = [True, False, False, False, True, False, True, True]
    assert ways == [("create", by_statement), (None, [False]), ("create", [True])]
    sqlite = harnesses[1]
    assert await sqlite.store.runs.manifest("b", tenant=None) == b'{"b":1}'


async def test_of_many_that_end_each_has_its_own_outcome(
    harnesses: tuple[StoreHarness, StoreHarness], landed: list[Any]
) -> None:
    names = ("a", "b", "stale", "moved", "read", "gone", "other")

    async def prepare(harness: StoreHarness) -> list[Commit]:
        leases = {name: await harness.running(name) for name in names}
        for name in ("moved", "read"):
            await harness.do(harness.emit(name, GO))
        await harness.commit(leases["gone"], harness.suspend(GO))
        stale = msgspec.structs.replace(leases["stale"], token=leases["stale"].token - 1)
        return [
            (leases["a"], harness.finish()),
            (leases["b"], harness.finish("failed")),
            (stale, harness.finish()),
            (leases["moved"], harness.finish(inbox=0)),
            (leases["read"], harness.finish(inbox=1)),
            (leases["gone"], harness.finish()),
            (leases["a"], harness.finish()),
            (msgspec.structs.replace(leases["other"], tenant="eve"), harness.finish()),
        ]

    outcomes, ways = await both(harnesses, prepare, landed, *names)
    refused: list[Any] = [one[0] if isinstance(one, tuple) else None for one in outcomes]
    # what has suspended has left by its token: an end of the same token is answered as the first
    assert refused == [None, None, "LeaseLost", "InboxMoved", None, None, None, "LeaseLost"]
    assert ways == [("finish", [True, True, False, False, True, False, False, False])]


async def with_a_parent(harness: StoreHarness) -> Lease:
    await harness.suspended("parent", "ana", "child:run")
    return await harness.running("run", like=harness.create(parent_id="parent"))


async def with_a_key(harness: StoreHarness) -> Lease:
    lease = await harness.running("run", like=harness.create(key="k"))
    await harness.run("next", like=harness.create(key="k"))
    return lease


async def with_a_question(harness: StoreHarness) -> Lease:
    lease = await harness.running()
    await harness.commit(lease, harness.ask("why", run_id="run"))
    return lease


async def of_a_thread(harness: StoreHarness) -> Lease:
    return await harness.replying()


async def that_is_cancelling(harness: StoreHarness) -> Lease:
    lease = await harness.running()
    await harness.do(harness.cancel())
    return lease


async def that_cleans_up(harness: StoreHarness) -> Lease:
    lease = await harness.running()
    await harness.commit(lease, harness.note_cleanups())
    return lease


async def under_suspicion(harness: StoreHarness) -> Lease:
    for worker in ("bob", "cid"):
        await harness.mortal(worker)
        await (harness.lease if worker == "cid" else harness.running)("run", worker)
        await harness.die(worker)
    await harness.worker("dan")
    return await harness.lease("run", "dan")


@pytest.mark.parametrize(
    "special",
    [with_a_parent, with_a_key, with_a_question, of_a_thread, that_is_cancelling, that_cleans_up, under_suspicion],
)
@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_an_end_from_which_more_follows_is_decided(
    harnesses: tuple[StoreHarness, StoreHarness],
    landed: list[Any],
    special: Callable[[StoreHarness], Awaitable[Lease]],
    status: str,
) -> None:
    async def prepare(harness: StoreHarness) -> list[Commit]:
        lease, plain_ones = await special(harness), [await harness.running(name, "eve") for name in ("a", "b")]
        return [(one, harness.finish(status)) for one in (plain_ones[0], lease, plain_ones[1])]

    _, ways = await both(harnesses, prepare, landed, "a", "run", "b", "parent", "next")
    assert ways == [("finish", [True, False, True])]


async def test_a_run_that_was_taken_is_not_ended_by_the_worker_before(
    harnesses: tuple[StoreHarness, StoreHarness], landed: list[Any]
) -> None:
    _, harness = harnesses
    late = await harness.running()
    await harness.retaken(late)
    await harness.commit_refused(LeaseLost, late, harness.finish())
    assert landed[-1] == ("finish", [False])

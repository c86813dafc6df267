"""SQLite and memory agree: the same operations give the same answers, refusals and rows, whatever came before."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from perdure.core.clock import Clock
from perdure.core.decisions import reads
from perdure.core.operations import Operation
from perdure.core.records import Lease, RunStatus
from perdure.errors import PerdureError
from perdure.stores.memory import MemoryStore
from perdure.stores.port import EVERY_TENANT, Store
from perdure.stores.sqlite import open_sqlite
from perdure.stores.sqlite import reads as sqlite_reads
from perdure.stores.sqlite.liveness_locks import LivenessLocks
from perdure.testing.clock import FakeClock
from perdure.testing.store_suite.facets.transfer import exported
from tests.stores.random_operations import EVENTS, QUEUES, RUNS, TENANTS, THREADS, WORKFLOWS, RandomOperations

SEEDS = int(os.environ.get("PERDURE_FUZZ", "12"))
STATUSES: tuple[tuple[RunStatus, ...], ...] = (("queued",), ("running", "cancelling"), ("completed", "failed"))


@pytest.fixture
async def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Store, Store, FakeClock]]:
    # memory proves no death; so that both decide alike, SQLite is made to prove none here
    monkeypatch.setattr(LivenessLocks, "life", nothing_is_proven)
    monkeypatch.setitem(sqlite_reads.READS, reads.ProvesDeath, proves_nothing)
    clock = FakeClock()
    path = str(tmp_path / "x.db")
    sqlite = await open_sqlite(f"sqlite:///{path}", path, clock)
    yield MemoryStore(clock=clock), sqlite, clock
    await sqlite.close()


def nothing_is_proven(_: LivenessLocks, __: str) -> str:
    return "unknown"


def proves_nothing(_: Any, __: Any) -> bool:
    return False


async def outcome(landing: Awaitable[Any]) -> Any:
    try:
        return plain(await landing)
    except PerdureError as refusal:
        return type(refusal).__name__, str(refusal)


def plain(value: Any) -> Any:
    """Without what tells one store from another."""
    if isinstance(value, tuple | list):
        return [plain(one) for one in cast("list[Any]", value)]
    if isinstance(value, msgspec.Struct):
        fields = {name: plain(getattr(value, name)) for name in value.__struct_fields__ if name != "boot_id"}
        return {type(value).__name__: fields}
    return value


async def run_rows(store: Store, tenant: str | None, run_id: str) -> Any:
    run = await store.runs.get(run_id, tenant=tenant)
    if run is None:
        return None
    news = await store.runs.news(run_id, tenant=tenant, after=1)
    return {
        "run": plain(run),
        "manifest": await store.runs.manifest(run_id, tenant=tenant),
        "news": plain(news),
        "steps": plain(await store.steps.list(run_id, tenant=tenant)),
        "count": await store.steps.count(run_id, tenant=tenant),
        "events": plain(await store.events.list(run_id, tenant=tenant)),
        "event": [plain(await store.events.get(run_id, key, tenant=tenant)) for key in (*EVENTS, "channel:z")],
        "stream": plain(await store.streams.read(run_id, tenant=tenant)),
        "page": plain(await store.streams.read(run_id, tenant=tenant, after=2, limit=2)),
        "message": plain(await store.messages.of_run(run_id, tenant=tenant)),
        "usage": sorted(map(str, await store.messages.usage(run_id, tenant=tenant))),
        "children": plain(await store.runs.list(tenant=tenant, parent_id=run_id)),
        "status": await store.runs.status(run_id, tenant=tenant),
    }


async def thread_rows(store: Store, tenant: str | None, thread_id: str) -> Any:
    thread = await store.threads.get(thread_id, tenant=tenant)
    messages = await store.messages.path(thread_id, tenant=tenant)
    return {
        "thread": plain(thread),
        "path": plain(await store.threads.path(thread_id, tenant=tenant)),
        "turns": plain(await store.threads.turns(thread_id, tenant=tenant)),
        "events": plain(await store.threads.events(thread_id, tenant=tenant)),
        "messages": plain(messages),
        "of turn 1": plain(await store.messages.path(thread_id, tenant=tenant, turn=1)),
        "last": plain(await store.messages.path(thread_id, tenant=tenant, limit=2)),
        "each": [plain(await store.messages.get(thread_id, one.message_id, tenant=tenant)) for one in messages],
        "runs": plain(await store.runs.list(tenant=tenant, thread_id=thread_id)),
    }


async def everything(store: Store, clock: Clock) -> Any:
    """What every read gives."""
    lists = [
        plain(await store.runs.list(tenant=tenant, status=status, workflow=workflow, queue=queue, limit=limit))
        for tenant in (*TENANTS, EVERY_TENANT)
        for status in ((), *STATUSES)
        for workflow, queue, limit in ((None, None, 100), ("f", None, 3), (None, "slow", 2))
    ]
    first = await store.runs.list(tenant=EVERY_TENANT, limit=2)
    before = (first[-1].created_at, first[-1].run_id) if first else None
    return {
        "runs": {f"{tenant}/{one}": await run_rows(store, tenant, one) for tenant in TENANTS for one in RUNS},
        "threads": {f"{tenant}/{one}": await thread_rows(store, tenant, one) for tenant in TENANTS for one in THREADS},
        "lists": lists,
        "next page": plain(await store.runs.list(tenant=EVERY_TENANT, before=before)),
        "thread lists": [
            plain(await store.threads.list(tenant=tenant, owner=owner))
            for tenant in (*TENANTS, EVERY_TENANT)
            for owner in (None, "ana")
        ],
        "questions": [
            plain(await store.questions.list(tenant=tenant, open_only=open_only, run_id=run_id))
            for tenant in (*TENANTS, EVERY_TENANT)
            for open_only in (True, False)
            for run_id in (None, "r0")
        ],
        "workers": plain(await store.workers.list()),
        "dead": plain(await store.workers.dead()),
        "lease": await store.workers.lease_left("w"),
        "inboxes": await store.runs.inboxes([(tenant, one) for tenant in TENANTS for one in RUNS]),
        "overdue": sorted(map(str, await store.runs.overdue())),
        "cancelling children": sorted(map(str, await store.runs.cancelling_children())),
        "parked": plain(await store.runs.parked(QUEUES, WORKFLOWS)),
        "due": await store.queues.next_due(QUEUES, WORKFLOWS, clock.now()),
        "counts": await store.queues.counts(),
    }


def differences(expected: Any, found: Any, place: str = "") -> list[Any]:
    """Where two answers differ, and how."""
    if isinstance(expected, dict) and isinstance(found, dict):
        one, other = cast("dict[str, Any]", expected), cast("dict[str, Any]", found)
        return [each for name in one for each in differences(one[name], other.get(name), f"{place}/{name}")]
    if isinstance(expected, list) and isinstance(found, list):
        pairs = enumerate(zip_longest(cast("list[Any]", expected), cast("list[Any]", found)))
        return [one for number, (a, b) in pairs for one in differences(a, b, f"{place}/{number}")]
    return [] if expected == found else [(place, expected, found)]


async def leases(store: Store, make: RandomOperations) -> Lease:
    """A lease of a run: nearly always the one that stands."""
    runs = await store.runs.list(tenant=EVERY_TENANT, status=("running", "cancelling"))
    if not runs or make.happens(0.05):
        return Lease(make.choose(*TENANTS), make.choose(*RUNS), 1 + make.number(3))
    run = make.choose(*runs)
    return Lease(run.tenant, run.run_id, run.token)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_the_same_operations_give_the_same_rows(seed: int, stores: tuple[Store, Store, FakeClock]) -> None:
    memory, sqlite, clock = stores
    make, landed = RandomOperations(seed), list[tuple[Lease | None, tuple[Operation, ...]]]()
    begun = make.beginning()
    for number in range(150):
        clock.time.micros += make.choose(0, 0, 0, 1_000_000, 5_000_000)
        if begun:
            lease, operations = None, (begun.pop(),)
        elif make.happens(0.1):
            lease, operations = make.choose(*landed[-30:])
        elif make.happens(0.6):
            lease = await leases(memory, make)
            run = await memory.runs.get(lease.run_id, tenant=lease.tenant)
            head = (await memory.streams.read(lease.run_id, tenant=lease.tenant)).head if run else 0
            operations = make.commit(lease, head, run.inbox if run else 0)
        else:
            lease, operations = None, (make.outside(),)
        landed.append((lease, operations))
        answers = list[Any]()
        for store in (memory, sqlite):
            answers.append(
                await outcome(store.execute(operations[0]) if lease is None else store.commit(lease, *operations))  # type: ignore[arg-type]
            )
        assert answers[0] == answers[1], operations
        if number % 10 == 9:
            found = differences(await everything(memory, clock), await everything(sqlite, clock))
            assert found == [], operations
    of_memory, of_sqlite = await exported(memory), await exported(sqlite)
    assert plain(of_memory) == plain(of_sqlite)
    loaded = MemoryStore(clock=clock)
    await loaded.transfer.load(of_sqlite)
    assert await exported(loaded) == of_sqlite

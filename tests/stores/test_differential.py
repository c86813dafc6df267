"""Every store gives what memory gives: answers after each operation, and the whole export at the end.

Hypothesis chooses the operations, so a difference is shown with the shortest sequence that makes it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from perdure.core.decisions import reads
from perdure.core.operations import AppendEntries, FinishRun, Operation, PutStep, SuspendRun
from perdure.core.records import Lease
from perdure.stores.memory import MemoryStore
from perdure.stores.port import Store
from perdure.stores.sqlite import open_sqlite
from perdure.stores.sqlite import reads as sqlite_reads
from perdure.stores.sqlite.liveness_locks import LivenessLocks
from perdure.testing.clock import FakeClock
from perdure.testing.store_suite.facets.transfer import exported
from tests.stores.random_operations import RandomOperations
from tests.stores.test_agreement import leases, nothing_is_proven, outcome, plain, proves_nothing

MANY = os.environ.get("PERDURE_FUZZ")


async def in_memory(_: Path, clock: FakeClock) -> Store:
    return MemoryStore(clock=clock)


async def in_sqlite(folder: Path, clock: FakeClock) -> Store:
    path = str(folder / "x.db")
    return await open_sqlite(f"sqlite:///{path}", path, clock)


MAKERS: tuple[Callable[[Path, FakeClock], Awaitable[Store]], ...] = (in_memory, in_sqlite)
"""The first is the one that the others are compared with; another store is one more line."""


class Differential(RuleBasedStateMachine):
    """The same operations on each store, under one clock."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._clock = FakeClock()
        self._landed: list[tuple[Lease | None, tuple[Operation, ...]]] = []
        self._stores = [self._runner.run(self._opened(make)) for make in MAKERS]

    async def _opened(self, make: Callable[[Path, FakeClock], Awaitable[Store]]) -> Store:
        return await make(Path(self._folder.name), self._clock)

    @initialize(random=st.randoms(use_true_random=False))
    def begin(self, random: Random) -> None:
        self._make = RandomOperations(random)
        for operation in self._make.beginning():
            self._land(None, (operation,))

    @rule(seconds=st.sampled_from((1, 5, 20, 400)))
    def time_passes(self, seconds: int) -> None:
        self._clock.time.micros += seconds * 1_000_000

    @rule()
    def outside(self) -> None:
        self._land(None, (self._make.outside(),))

    @rule()
    def outside_again(self) -> None:
        self.outside()

    @rule()
    def holder(self) -> None:
        self._land(*self._runner.run(self._commit()))

    @precondition(lambda self: bool(self._landed))
    @rule()
    def once_more(self) -> None:
        self._land(*self._make.one_of(self._landed[-30:]))

    def teardown(self) -> None:
        try:
            first, *others = [plain(self._runner.run(exported(store))) for store in self._stores]
            for other in others:
                assert other == first
        finally:
            for store in self._stores:
                self._runner.run(store.close())
            self._runner.close()
            self._folder.cleanup()

    async def _commit(self) -> tuple[Lease, tuple[Operation, ...]]:
        first = self._stores[0]
        lease = await leases(first, self._make)
        run = await first.runs.get(lease.run_id, tenant=lease.tenant)
        head = (await first.streams.read(lease.run_id, tenant=lease.tenant)).head if run else 0
        return lease, self._make.commit(lease, head, run.inbox if run else 0)

    def _land(self, lease: Lease | None, operations: tuple[Operation, ...]) -> None:
        self._landed.append((lease, operations))
        first, *others = [self._runner.run(self._answer(store, lease, operations)) for store in self._stores]
        for other in others:
            assert other == first, operations

    async def _answer(self, store: Store, lease: Lease | None, operations: tuple[Any, ...]) -> Any:
        return await outcome(store.execute(operations[0]) if lease is None else store.commit(lease, *operations))


@pytest.fixture(autouse=True)
def _no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    # memory proves no death; so that all decide alike, SQLite is made to prove none here
    monkeypatch.setattr(LivenessLocks, "life", nothing_is_proven)
    monkeypatch.setitem(sqlite_reads.READS, reads.ProvesDeath, proves_nothing)


def differ(examples: int, steps: int) -> None:
    limits = settings(
        max_examples=examples,
        stateful_step_count=steps,
        report_multiple_bugs=False,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
    )
    run_state_machine_as_test(Differential, settings=limits)


@pytest.mark.slow
@pytest.mark.fuzz
def test_every_store_answers_as_the_first_one() -> None:
    if MANY is None:
        differ(30, 30)
    else:
        differ(int(MANY), 40)


async def with_a_thread_more(folder: Path, clock: FakeClock) -> Store:
    store = await in_memory(folder, clock)
    await store.execute(RandomOperations(1).beginning()[-1])
    return store


def test_a_store_that_differs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.stores.test_differential.MAKERS", (in_memory, with_a_thread_more))
    with pytest.raises(AssertionError):
        differ(2, 5)


def test_the_random_operations_vary_each_field_of_what_a_store_may_land_by_a_way_of_its_own() -> None:
    make, said = RandomOperations(1), dict[tuple[type, str], set[str]]()
    for _ in range(2000):
        for operation in make.commit(Lease(None, "r0", 1), 3, 1):
            for field in operation.__struct_fields__:
                said.setdefault((type(operation), field), set()).add(repr(getattr(operation, field)))
    fields: set[tuple[type, str]] = {
        (kind, field) for kind in (PutStep, AppendEntries, SuspendRun) for field in kind.__struct_fields__
    }
    fields.add((FinishRun, "inbox"))
    assert [field for field in fields if len(said.get(field, ())) < 2] == []

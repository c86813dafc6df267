"""Counts of what a store asks of SQLite: statements, SQLite's own instructions, pages of the log. Never time."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import apsw

from perdure.core.operations import Claim, CreateRun, HolderOperation, PutStep, RegisterWorker
from perdure.core.records import Lease, StepRecord
from perdure.stores.sqlite import SqliteStore
from perdure.testing.manual_clock import ManualClock

EVERY = 10
"""Units: instructions of SQLite's between two counts."""


class Counts:
    """What was counted."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.instructions = 0

    def took(self, _: Any, sql: str, __: Any) -> bool:
        self.statements.append(sql)
        return True

    def ran(self) -> bool:
        self.instructions += EVERY
        return False


class CountedStore:
    """A store with a worker, and short words for what the tests of costs do."""

    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self._claims = 0

    @property
    def at(self) -> Any:
        return self.clock.now()

    @property
    def inside(self) -> Any:
        """The store, as its own modules see it."""
        return self.store

    @property
    def writing(self) -> Any:
        """The writer's connection, as apsw has it."""
        return self.inside._connection

    @property
    def connections(self) -> list[Any]:
        reader = self.inside._reader
        return [self.writing, reader._small, reader._long]

    @contextmanager
    def counted(self) -> Generator[Counts]:
        """Count the statements and the instructions of all connections."""
        counts = Counts()
        for connection in self.connections:
            connection.exec_trace = counts.took
            connection.set_progress_handler(counts.ran, EVERY)
        try:
            yield counts
        finally:
            for connection in self.connections:
                connection.exec_trace = None
                connection.set_progress_handler(None)

    def pages(self) -> int:
        """The pages that were written to the log since it began."""
        return self.writing.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0]

    async def begin(self) -> None:
        await self.store.execute(RegisterWorker(worker_id="w", incarnation="1", at=self.at, lease_for=1e6))

    def create(self, run_id: str, **options: Any) -> CreateRun:
        given: dict[str, Any] = {"workflow": "f", "manifest": b"{}", "manifest_hash": "h", "seed": "s", "at": self.at}
        given |= {"tenant": None, "run_id": run_id} | options
        return CreateRun(**given)

    def claim(self, limit: int = 250, queue_limit: int | None = None) -> Claim:
        self._claims += 1
        return Claim(
            worker_id="w",
            incarnation="1",
            claim_id=f"claim{self._claims}",
            queues=(("default", queue_limit),),
            workflows=("f",),
            limit=limit,
            at=self.at,
        )

    async def running(self, run_id: str) -> Lease:
        await self.store.execute(self.create(run_id))
        await self.store.execute(self.claim())
        return Lease(None, run_id, 1)

    def step(self, number: int, result: bytes = b"1") -> PutStep:
        return PutStep(
            StepRecord(
                position=str(number),
                number=number,
                name="step",
                status="completed",
                result=result,
                started=1.8e9 + number,
                completed=1.8e9 + number,
            )
        )

    async def commit(self, lease: Lease, *operations: HolderOperation) -> None:
        await self.store.commit(lease, *operations)

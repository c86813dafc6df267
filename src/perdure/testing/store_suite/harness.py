"""A store to be tested, a time that only the test moves, and short words for what tests do all day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from perdure.core.records import Lease, RunRecord
from perdure.core.values import Value
from perdure.errors import PerdureError
from perdure.stores.port import Abilities, CreateRun, Operation, Store
from perdure.testing.store_suite.thread_operations import ThreadOperations

Open = Callable[[str], Awaitable[Store]]

START = datetime(2026, 1, 1, tzinfo=UTC)
BOOT = "boot-1"
LEASE_FOR = 30.0
SOON = 5.0
"""Units: real seconds, for what should come at once: a machine may be busy."""


async def others_go_on() -> None:
    """Let everybody else on the loop have a turn."""
    turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    turn.get_loop().call_soon(turn.set_result, None)
    await turn


class StoreHarness(ThreadOperations):
    """Shape: `at` is the instant and `lease_now` the lease time of every operation that is made from here."""

    def __init__(self, store: Store, url: str, opener: str, open_: Open) -> None:
        super().__init__(START, 1000.0, BOOT)
        self.store = store
        self.url = url
        self.opener = opener
        self._open = open_

    async def reopen(self) -> None:
        """Close the store and open it again, as another process would."""
        await self.store.close()
        self.store = await self._open(self.url)

    def needs(self, ability: str) -> None:
        """Skip the test, by name, where the store lacks the ability."""
        if not getattr(self.store.abilities, ability):
            pytest.skip(f"{self.url.partition(':')[0]}: lacks the ability {ability}")

    @property
    def abilities(self) -> Abilities:
        """What the store can do."""
        return self.store.abilities

    def advance(self, seconds: float) -> None:
        """Let time pass: instants and lease time alike."""
        self.at += timedelta(seconds=seconds)
        self.lease_now += seconds

    async def do(self, *operations: Operation, lease: Lease | None = None) -> Value:
        """Commit. Shape: what the first operation gives back."""
        return (await self.store.commit(*operations, lease=lease))[0]

    async def refused(
        self, error: type[PerdureError], *operations: Operation, lease: Lease | None = None
    ) -> PerdureError:
        """Commit, and see it refused."""
        with pytest.raises(error) as refusal:
            await self.store.commit(*operations, lease=lease)
        return refusal.value

    async def get(self, run_id: str = "run") -> RunRecord:
        """A run that is there."""
        run = await self.store.runs.get(run_id)
        assert run is not None, f"no run {run_id!r}"
        return run

    async def status(self, run_id: str = "run") -> str:
        """A run's status."""
        return (await self.get(run_id)).status

    async def worker(self, worker_id: str = "ana", *, lease_for: float = LEASE_FOR) -> str:
        """A worker with a lease from now on."""
        await self.do(self.register(worker_id, lease_for=lease_for))
        return worker_id

    async def run(self, run_id: str = "run", *, like: CreateRun | None = None) -> str:
        """A queued run."""
        await self.do(msgspec.structs.replace(like, run_id=run_id) if like else self.create(run_id))
        return run_id

    async def lease(self, run_id: str = "run", worker_id: str = "ana") -> Lease:
        """The lease of a run that is there, by a worker that is there."""
        taken = await self.do(self.take(run_id, worker_id))
        return Lease(run_id, worker_id, taken.run.token)

    async def running(self, run_id: str = "run", worker_id: str = "ana", *, like: CreateRun | None = None) -> Lease:
        """The lease of a run, made here, by a worker, registered where it is not."""
        if worker_id not in [worker.worker_id for worker in await self.store.workers.list()]:
            await self.worker(worker_id)
        await self.run(run_id, like=like)
        return await self.lease(run_id, worker_id)

    async def suspended(self, run_id: str = "run", worker_id: str = "ana", *, due_in: float | None = None) -> str:
        """A suspended run."""
        lease = await self.running(run_id, worker_id)
        await self.do(self.suspend(run_id, inbox=0, due_in=due_in, waiting_for=("event:go",)), lease=lease)
        return run_id

    async def ended(self, run_id: str = "run", status: str = "completed", worker_id: str = "ana") -> str:
        """A run that has ended."""
        lease = await self.running(run_id, worker_id)
        await self.do(self.finish(run_id, status), lease=lease)
        return run_id

    async def retaken(self, lease: Lease, worker_id: str = "bob") -> Lease:
        """The lease of another worker, after the first one's has ended."""
        self.advance(LEASE_FOR)
        await self.worker(worker_id)
        await self.do(self.take_over(lease.worker_id))
        return await self.lease(lease.run_id, worker_id)

    async def everything(self, run_id: str = "run") -> tuple[object, ...]:
        """All there is of a run, to be compared."""
        store = self.store
        run = await store.runs.get(run_id)
        return (
            run,
            await store.steps.list(run_id),
            await store.events.list(run_id),
            await store.questions.list(run_id=run_id, open_only=False),
            await store.streams.read(run_id) if run else None,
            await store.runs.list(),
            await store.workers.list(),
        )

    async def thread(self, thread_id: str = "thread", *, owner: str | None = None, agent: str = "assistant") -> str:
        """A thread without turns."""
        await self.do(self.converse(thread_id, owner=owner, agent=agent))
        return thread_id

    async def end_turn(self, run_id: str, status: str = "completed") -> None:
        """The end of a turn that is queued."""
        if not await self.store.workers.list():
            await self.worker("ana")
        await self.do(self.finish(run_id, status), lease=await self.lease(run_id))

    async def close(self) -> None:
        """Close the store."""
        await self.store.close()

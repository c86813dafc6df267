"""A store to be tested, a time that only the test moves, and short words for what tests do all day."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
import pytest

from perdure.core.operations import CreateRun, HolderOperation, OutsideOperation
from perdure.core.records import Lease, RunRecord
from perdure.core.threads import ThreadRecord
from perdure.core.values import Value
from perdure.errors import PerdureError
from perdure.stores.port import Abilities, Store
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.run_operations import GO
from perdure.testing.store_suite.snapshot import Snapshot, take_snapshot
from perdure.testing.store_suite.thread_operations import ThreadOperations
from perdure.testing.store_suite.worker_operations import LEASE_FOR, STALL_LIMIT

SOON = 5.0
"""Units: real seconds, for what should come at once: a machine may be busy."""


class Open(Protocol):
    """Opens a store."""

    async def __call__(self, url: str, *, clock: ManualClock) -> Store:
        """The store that a URL names; it reads its time from the clock."""
        ...


class LetDie(Protocol):
    """Lets a worker's process end, as far as a store can tell."""

    async def __call__(self, store: Store, worker_id: str) -> None:
        """`store` is the only handle that the process had."""
        ...


async def close(store: Store, worker_id: str) -> None:  # noqa: ARG001 - see LetDie
    """For a store to which the end of its handle is the end of a process."""
    await store.close()


async def others_go_on() -> None:
    """Let everybody else on the loop have a turn."""
    turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    turn.get_loop().call_soon(turn.set_result, None)
    await turn


class StoreHarness(ThreadOperations):
    """Shape: `at` is the instant of every operation that is made from here; the store's lease time is the clock's."""

    def __init__(
        self, store: Store, url: str, opener: str, open_: Open, clock: ManualClock, let_die: LetDie = close
    ) -> None:
        super().__init__(clock)
        self.store = store
        self.url = url
        self.opener = opener
        self._open = open_
        self._let_die = let_die
        self._processes: dict[str, Store] = {}

    async def reopen(self) -> None:
        """Close the store and open it again, as another process would."""
        await self.store.close()
        self.store = await self.open_again()

    async def open_again(self) -> Store:
        """Open the store once more."""
        return await self._open(self.url, clock=self.clock)

    async def close(self) -> None:
        """Close the store, however often it was opened."""
        for store in self._processes.values():
            await store.close()
        await self.store.close()

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
        self.clock.advance(seconds)

    def jump(self, seconds: float) -> None:
        """Set the wall clock: instants move, lease time does not."""
        self.clock.jump(seconds)

    async def do(self, operation: OutsideOperation) -> Value:
        """Land an outside operation. Shape: what it gives back."""
        return await self.store.execute(operation)

    async def commit(self, lease: Lease, *operations: HolderOperation) -> Value:
        """Land a holder's commit. Shape: what its first operation gives back."""
        return (await self.store.commit(lease, *operations))[0]

    async def refused(self, error: type[PerdureError], operation: OutsideOperation) -> PerdureError:
        """See an outside operation refused, and everything stay as it was."""
        before = await self.everything()
        with pytest.raises(error) as refusal:
            await self.store.execute(operation)
        assert await self.everything() == before
        return refusal.value

    async def commit_refused(
        self, error: type[PerdureError], lease: Lease, *operations: HolderOperation
    ) -> PerdureError:
        """See a holder's commit refused, and everything stay as it was."""
        before = await self.everything()
        with pytest.raises(error) as refusal:
            await self.store.commit(lease, *operations)
        assert await self.everything() == before
        return refusal.value

    async def everything(self) -> Snapshot:
        """All that the store can be asked, to be compared."""
        return await take_snapshot(self.store, self.at)

    async def get(self, run_id: str = "run") -> RunRecord:
        """A run that is there."""
        run = await self.store.runs.get(run_id, tenant=self.tenant)
        assert run is not None, f"no run {run_id!r}"
        return run

    async def status(self, run_id: str = "run") -> str:
        """A run's status."""
        return (await self.get(run_id)).status

    async def get_thread(self, thread_id: str = "thread") -> ThreadRecord:
        """A thread that is there."""
        thread = await self.store.threads.get(thread_id, tenant=self.tenant)
        assert thread is not None, f"no thread {thread_id!r}"
        return thread

    async def worker(
        self, worker_id: str = "ana", *, lease_for: float = LEASE_FOR, stall_limit: float = STALL_LIMIT
    ) -> str:
        """A worker with a lease from now on."""
        await self.do(self.register(worker_id, lease_for=lease_for, stall_limit=stall_limit))
        return worker_id

    async def run(self, run_id: str = "run", *, like: CreateRun | None = None) -> str:
        """A queued run."""
        await self.do(msgspec.structs.replace(like, run_id=run_id) if like else self.create(run_id))
        return run_id

    async def lease(self, run_id: str = "run", worker_id: str = "ana") -> Lease:
        """The lease of a run that is there, by a worker that is there."""
        taken = await self.do(self.take(run_id, worker_id))
        return Lease(self.tenant, run_id, taken.run.token)

    async def claimed(self, worker_id: str = "ana", **options: Value) -> list[str]:
        """Claim, and tell what was claimed, in its order; `options` as for `claim`."""
        return [one.run.run_id for one in await self.do(self.claim(worker_id, **options))]

    async def running(self, run_id: str = "run", worker_id: str = "ana", *, like: CreateRun | None = None) -> Lease:
        """The lease of a run, made here, by a worker, registered where it is not."""
        if worker_id not in [worker.worker_id for worker in await self.store.workers.list()]:
            await self.worker(worker_id)
        await self.run(run_id, like=like)
        return await self.lease(run_id, worker_id)

    async def suspended(
        self, run_id: str = "run", worker_id: str = "ana", *waiting_for: str, due_in: float | None = None
    ) -> str:
        """A suspended run, which waits for the event `go` where nothing else is named."""
        lease = await self.running(run_id, worker_id)
        await self.commit(lease, self.suspend(*(waiting_for or (GO,)), due_in=due_in))
        return run_id

    async def ended(self, run_id: str = "run", status: str = "completed", worker_id: str = "ana") -> str:
        """A run that has ended."""
        lease = await self.running(run_id, worker_id)
        await self.commit(lease, self.finish(status))
        return run_id

    async def mortal(self, worker_id: str = "ana") -> str:
        """A worker of a process of its own, which may die."""
        store = self.store
        if self.abilities.proves_death:
            store = self._processes[worker_id] = await self.open_again()
        await store.execute(self.register(worker_id))
        return worker_id

    async def die(self, worker_id: str = "ana") -> list[str]:
        """Let the process of a mortal worker die, and take its runs from it. Shape: their ids."""
        if worker_id in self._processes:
            await self._let_die(self._processes.pop(worker_id), worker_id)
        else:
            await self.do(self.renew(worker_id, lease_for=0))
        return [run_id for _, run_id in await self.do(self.take_over(worker_id))]

    async def lapse(self, worker_id: str = "ana") -> None:
        """Let a worker's lease and its stall limit end, and take its runs from it; no death is proven."""
        self.advance(max(LEASE_FOR, STALL_LIMIT))
        await self.do(self.take_over(worker_id))

    async def retaken(self, lease: Lease, worker_id: str = "bob", *, from_: str = "ana") -> Lease:
        """The lease of another worker, after the first one's has ended."""
        await self.lapse(from_)
        await self.worker(worker_id)
        return await self.lease(lease.run_id, worker_id)

    async def thread(self, thread_id: str = "thread", *, owner: str | None = None, agent: str = "assistant") -> str:
        """A thread without turns."""
        await self.do(self.create_thread(thread_id, owner=owner, agent=agent))
        return thread_id

    async def replying(self, run_id: str = "run", worker_id: str = "ana") -> Lease:
        """The lease of a turn with a streaming reply, in the thread `thread`, which is made where it is not there."""
        if await self.store.threads.get("thread", tenant=self.tenant) is None:
            await self.thread()
        if worker_id not in [worker.worker_id for worker in await self.store.workers.list()]:
            await self.worker(worker_id)
        await self.do(self.turn_with_reply(run_id))
        return await self.lease(run_id, worker_id)

    async def end_turn(self, run_id: str, status: str = "completed") -> None:
        """The end of a turn that is queued."""
        if not await self.store.workers.list():
            await self.worker("ana")
        await self.commit(await self.lease(run_id), self.finish(status))

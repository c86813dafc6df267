"""Where runs are tested: a store, a clock that only the test moves, and workers that can be started and killed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from perdure.app.client import Client
from perdure.core.clock import Clock
from perdure.core.operations import CancelRun, Operation, TakeOver
from perdure.core.records import Lease, RunRecord, StepRecord
from perdure.runs.context import Context
from perdure.runs.handles import Run
from perdure.runs.worker import Worker
from perdure.runs.workflow import Workflow, Workflows
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.testing.clock import FakeClock
from perdure.testing.dying import Death, Process
from perdure.testing.wrapped import WrappedStore, shielded

R = TypeVar("R")
LEASE_FOR = 30.0


class Declared(Workflows):
    """Workflows that new code can replace."""

    def replace(self, workflow: Workflow[..., Any]) -> None:
        self._by_name[workflow.name] = workflow


class Door(Client):
    """A client of a store that is open."""

    def __init__(self, url: str, workflows: Workflows, clock: Clock, store: Store) -> None:
        super().__init__(url, workflows, clock)
        self._store = store


class NotesTakeovers(WrappedStore):
    """Notes each run that a worker takes from another one."""

    def __init__(self, inner: Store, taken: list[str]) -> None:
        super().__init__(inner)
        self._taken = taken

    def around_commit(
        self, operations: tuple[Operation, ...], lease: Lease | None, commit: Callable[[], Awaitable[Any]]
    ) -> Awaitable[Any]:
        if not isinstance(operations[0], TakeOver):
            return super().around_commit(operations, lease, commit)
        return shielded(self._note(commit()))

    async def _note(self, landing: Awaitable[Any]) -> Any:
        taken = await landing
        self._taken += [run_id for _, run_id in taken]
        return taken


class SimulatedWorker:
    """A worker in a simulated process of its own."""

    def __init__(self, process: Process, worker: Worker) -> None:
        self.process = process
        self.worker = worker


class Cluster:
    """Shape: `store` is what the test itself looks through; `done` is what user code has really done; `taken` names
    each run that a worker was seen to take from another one, as often as it was."""

    def __init__(self, store: Store, clock: FakeClock, url: str) -> None:
        self.store = store
        self.clock = clock
        self.url = url
        self.workflows = Declared()
        self.done: list[str] = []
        self.taken: list[str] = []
        self.workers: list[SimulatedWorker] = []
        self.client = Door(url, self.workflows, clock, store)
        self._opened: list[Store] = [store]

    def workflow(self, function: Callable[..., Awaitable[R]], **options: Any) -> Workflow[..., R]:
        """Declare a workflow; one with the same name is replaced, as new code does."""
        declared: Workflow[..., R] = Workflow(function, **options)
        self.workflows.replace(declared)
        return declared

    async def start_worker(
        self, *, death: Death | None = None, store: Store | None = None, **options: Any
    ) -> SimulatedWorker:
        """A worker, at work."""
        process = Process(self.clock, NotesTakeovers(store or self.store, self.taken), death=death)
        options = {"lease_for": LEASE_FOR, "clock": process.clock} | options

        async def start() -> Worker:
            worker = Worker(process.store, self.workflows, **options)
            made.append(worker)
            await worker.start()
            return worker

        made: list[Worker] = []
        task = process.run(start())
        await self.clock.settle()
        if task.done() and not task.cancelled():
            task.result()
        started = SimulatedWorker(process, made[0])
        self.workers.append(started)
        return started

    async def another_store(self) -> Store:
        """The same database, opened once more, as another process would; a memory store is its own other."""
        if self.url.startswith("memory"):
            return self.store
        opened = await open_store(self.url, clock=self.clock)
        self._opened.append(opened)
        return opened

    async def start(self, function: Callable[..., Awaitable[R]], *args: Any, **options: Any) -> Run[R]:
        """Start a run of a function, declared here, under the id `run` where none is given."""
        options = {"run_id": "run"} | options
        return await self.client.start(self.workflow(function), *args, **options)

    async def run(self, function: Callable[..., Awaitable[R]], *args: Any, within: float = 60.0, **options: Any) -> R:
        """Start a run with a worker, where there is none, and wait for its result."""
        run = await self.start(function, *args, **options)
        if not any(not simulated.process.is_dead for simulated in self.workers):
            await self.start_worker()
        return await self.result(run, within=within)

    async def result(self, run: Run[R], *, within: float = 60.0) -> R:
        """The result of a run, by letting time pass."""
        return await self.clock.until(run.result(), within=within)

    async def ask_to_cancel(self, run_id: str = "run", *, within: float = 5.0, reason: str = "") -> None:
        """Ask for the end of a run, and do not wait for it, as who asks in another process and goes away."""
        await self.store.execute(
            CancelRun(tenant=None, run_id=run_id, at=self.clock.now(), within=within, reason=reason)
        )

    async def kill(self) -> None:
        """Kill every worker; their leases stay until they end."""
        for simulated in self.workers:
            await simulated.process.kill()

    async def restart(self, **options: Any) -> SimulatedWorker:
        """Kill every worker, and start one that has taken over when this returns."""
        await self.kill()
        simulated = await self.start_worker(**options)
        await self.clock.advance(LEASE_FOR + 1)
        return simulated

    async def sleep(self, seconds: float) -> None:
        """What a user's function does that takes so long."""
        over = asyncio.Event()
        self.clock.call_after(seconds, over.set)
        await over.wait()

    async def record(self, run_id: str = "run") -> RunRecord:
        """A run as it is now."""
        return await self.client.run(run_id).record()

    async def status(self, run_id: str = "run") -> str:
        """Its status."""
        return (await self.record(run_id)).status

    async def steps(self, run_id: str = "run") -> dict[str, StepRecord]:
        """Its steps by position."""
        return {step.position: step for step in await self.store.steps.list(run_id, tenant=None)}

    async def step(self, position: str, run_id: str = "run") -> StepRecord:
        """One of its steps."""
        return (await self.steps(run_id))[position]

    async def close(self) -> None:
        """Kill every worker that is left, and close every store; no thread and no task is kept for later tests."""
        await self.kill()
        for simulated in self.workers:
            simulated.worker.holder.pool.close()
        self.workers.clear()
        for opened in self._opened:
            await opened.close()


def deaths(run: RunRecord) -> int:
    """How many workers died with a run since it last got on."""
    return run.suspicion.deaths if run.suspicion is not None else 0


def takes(cluster: Cluster, seconds: float) -> Workflow[..., str]:
    """A workflow with one step that takes so long, and notes how it went."""

    async def work() -> str:
        cluster.done.append("began")
        try:
            await cluster.sleep(seconds)
        except asyncio.CancelledError:
            cluster.done.append("cut off")
            raise
        cluster.done.append("ended")
        return "done"

    async def flow(ctx: Context) -> str:
        return await ctx.step("work", work)

    return cluster.workflow(flow)

"""Processes that die, simulated in this one, so that thousands of deaths take seconds.

A `Process` has a clock of its own (the same time, timers of its own), a store of its own, and the tasks that it has
started. When it dies nothing more of it lands and nothing comes back: a call of the store hangs, its timers are
gone, its heartbeat ends, its tasks are cancelled. What a real death does and this does not: `finally` blocks run; ask
`is_dead` in an effect that must not happen after a death.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from perdure.core.operations import Operation, RegisterWorker, RenewWorker
from perdure.core.values import Value
from perdure.runs.branch import BranchTask
from perdure.stores import port
from perdure.stores.notices import TopicWatch
from perdure.stores.shielded import Shielded
from perdure.stores.sqlite.store import SqliteStore
from perdure.testing.clock import FakeClock
from perdure.testing.wrapped import RunKeys, WrappedStore

if TYPE_CHECKING:
    from perdure.core.records import Lease

T = TypeVar("T")
Phase = Literal["before", "landed"]
_CANCEL_SO_OFTEN = 100
_running: ContextVar[Process | None] = ContextVar("perdure_process", default=None)


class Death(NamedTuple):
    """When a process dies: at its commit of this number (from 0), before it is made, or when it has landed."""

    at_commit: int
    phase: Phase


class Process:
    """One simulated process of a machine."""

    def __init__(self, clock: FakeClock, store: port.Store, *, death: Death | None = None) -> None:
        """Shape: `store` is this process's own, or one that all simulated processes share."""
        self.clock = clock.process()
        self.is_dead = False
        self.died = asyncio.Event()
        self.store = MortalStore(store, self, death)
        self.tasks: set[asyncio.Task[object]] = set()
        asyncio.get_running_loop().set_task_factory(_task_of_its_process)

    def run(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Start a task of this process; the tasks that it starts are of this process too."""
        context = copy_context()
        context.run(_running.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def die(self) -> None:
        """Die, at once."""
        if self.is_dead:
            return
        self.is_dead = True
        self.died.set()
        self.clock.kill()
        self.store.lose_locks()
        self.store.hang_up()
        for task in self._left():
            task.cancel()

    async def kill(self) -> None:
        """Die, and wait until no task of it is left, but for those that swallow their cancellation."""
        self.die()
        for _ in range(_CANCEL_SO_OFTEN):
            if not self._left():
                return
            await asyncio.sleep(0)
            for task in self._left():
                task.cancel()

    def _left(self) -> set[asyncio.Task[Value]]:
        branches = (task for task in asyncio.all_tasks() if isinstance(task, BranchTask))
        return self.tasks | {task for task in branches if task.context.get(_running) is self}


def running_process() -> Process | None:
    """The simulated process that runs the code that asks; None outside any."""
    return _running.get()


async def die_here() -> None:
    """The process that runs this dies; nothing of it goes on."""
    process = running_process()
    assert process is not None, "this runs in no simulated process"
    process.die()
    await _never()


class MortalStore(WrappedStore):
    """A process's way to a store, which ends with it."""

    def __init__(self, inner: port.Store, process: Process, death: Death | None) -> None:
        super().__init__(inner)
        self.commits = 0
        self._workers: list[str] = []
        self._awaited: set[Acknowledgement] = set()
        self._process = process
        self._death = death

    def around_commit(
        self,
        operations: tuple[Operation, ...],
        lease: Lease | None,  # noqa: ARG002 - the death knows numbers only
        commit: Callable[[], Awaitable[Value]],
    ) -> Awaitable[Value]:
        number, death = self.commits, self._death
        self.commits += 1
        due = death is not None and death.at_commit == number
        if due and death is not None and death.phase == "before":
            self._process.die()
        if self._process.is_dead:
            return _never()
        self._workers += [one.worker_id for one in operations if isinstance(one, RegisterWorker)]
        landing = asyncio.ensure_future(commit())
        acknowledged = Acknowledgement(self._process)
        self._awaited.add(acknowledged)
        acknowledged.add_done_callback(self._awaited.discard)
        landing.add_done_callback(lambda _: self._acknowledge(landing, acknowledged, deadly=due))
        return acknowledged

    def _acknowledge(
        self,
        landing: asyncio.Future[Value],
        acknowledged: Acknowledgement,
        *,
        deadly: bool,
    ) -> None:
        if landing.cancelled():  # its loop ends
            acknowledged.withdraw()
            return
        error = landing.exception()
        if deadly:
            self._process.die()
        elif self._process.is_dead:
            self.lose_locks()  # what was on its way at the death may have taken one
        if self._process.is_dead or acknowledged.done():
            return
        if error is not None:
            acknowledged.set_exception(error)
        else:
            acknowledged.set_result(landing.result())

    def hang_up(self) -> None:
        """Whoever waits for a commit is cancelled, also a task that the process has started from a thread."""
        for acknowledged in tuple(self._awaited):
            acknowledged.withdraw()

    def lose_locks(self) -> None:
        """Let go of the locks that prove the life of this process's workers, as the kernel does at a death."""
        store: port.Store = self
        while isinstance(store, WrappedStore):
            store = store.inner
        if isinstance(store, SqliteStore):
            for worker_id in self._workers:
                store.lose_lock(worker_id)

    async def around_read(self, name: str, read: Callable[[], Awaitable[T]]) -> T:  # noqa: ARG002 - all reads die alike
        if self._process.is_dead:
            return await _never()
        found = await read()
        return await _never() if self._process.is_dead else found

    def around_renewal(self, operation: RenewWorker, renew: Callable[[], RunKeys]) -> RunKeys:  # noqa: ARG002 - all die alike
        return () if self._process.is_dead else renew()

    def watch(self, *topics: str) -> port.Watch:
        return TopicWatch() if self._process.is_dead else self.inner.watch(*topics)

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        return self.inner.listen(topic, lambda: None if self._process.is_dead else callback())


class Acknowledgement(Shielded[Value]):
    """What a process waits for after a commit; only its death takes it away."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def cancel(self, msg: object = None) -> bool:
        return super().cancel(msg) if self._process.is_dead else False


def _never() -> asyncio.Future[Value]:
    return asyncio.get_running_loop().create_future()


def _task_of_its_process(loop: asyncio.AbstractEventLoop, work: Value, **options: Value) -> asyncio.Task[Value]:
    task = asyncio.Task[Value](work, loop=loop, **options)
    context: Context | None = options.get("context")
    process = _running.get() if context is None else context.get(_running)
    if process is not None:
        process.tasks.add(task)
        task.add_done_callback(process.tasks.discard)
        if process.is_dead:
            task.cancel()
    return task

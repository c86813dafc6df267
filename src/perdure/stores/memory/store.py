"""The memory store: a thin class over its facets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import cast

from perdure.core.records import Lease
from perdure.core.values import MAX_VALUE_BYTES
from perdure.errors import StoreClosed
from perdure.stores.memory.copies import detached
from perdure.stores.memory.events import Events
from perdure.stores.memory.leases import guard
from perdure.stores.memory.messages import Messages
from perdure.stores.memory.operations import APPLIERS
from perdure.stores.memory.questions import Questions
from perdure.stores.memory.queues import Queues
from perdure.stores.memory.runs import Runs
from perdure.stores.memory.state import State
from perdure.stores.memory.steps import Steps
from perdure.stores.memory.streams import Streams
from perdure.stores.memory.threads import Threads
from perdure.stores.memory.workers import Workers
from perdure.stores.notices import Notices, TopicWatch
from perdure.stores.port import Abilities, CommitResult, Operation, RenewWorker
from perdure.stores.shielded import Shielded
from perdure.stores.validation import check


class MemoryStore:
    """A store that lives in this process and nowhere else."""

    def __init__(self, url: str = "memory:", *, max_value: int = MAX_VALUE_BYTES) -> None:
        self.url = url
        self.abilities = Abilities(
            survives_kill=False, many_processes=False, proves_death=False, push=True, max_value=max_value
        )
        self._state = State()
        self._notices = Notices()
        self._closed = False
        # A renewal comes from another thread, and may come in the middle of anything but a commit. What it changes is
        # one row of one table, so reading needs no lock.
        self._landing = threading.Lock()
        self.runs = Runs(self._look)
        self.steps = Steps(self._look)
        self.events = Events(self._look)
        self.questions = Questions(self._look)
        self.streams = Streams(self._look)
        self.threads = Threads(self._look)
        self.messages = Messages(self._look)
        self.workers = Workers(self._look)
        self.queues = Queues(self._look)

    def commit(self, *operations: Operation, lease: Lease | None = None) -> Shielded[CommitResult]:
        loop = asyncio.get_running_loop()
        awaited: Shielded[CommitResult] = Shielded(loop=loop)
        # Settled in the next turn of the loop, so that whoever commits again and again lets others in between.
        try:
            landed = self._land(operations, lease)
        except Exception as refusal:
            loop.call_soon(awaited.set_exception, refusal)
        else:
            loop.call_soon(awaited.set_result, landed)
        return awaited

    def renew(self, operation: RenewWorker) -> list[str]:
        return cast("list[str]", self._land((operation,), None)[0])

    def watch(self, *topics: str) -> TopicWatch:
        self._look()
        return self._notices.watch(topics)

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        self._look()
        return self._notices.listen(topic, callback)

    async def close(self) -> None:
        self._closed = True
        self._notices.publish_all()

    def _look(self) -> State:
        if self._closed:
            raise StoreClosed(f"{self.url} was closed")
        return self._state

    def _land(self, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        state = self._look()
        check(operations, lease, self.abilities.max_value)
        with self._landing:
            try:
                landed = self._apply(state, detached(operations), lease)
            except BaseException:
                state.take_back()
                raise
            news = state.settle()
        self._notices.publish(news)
        return detached(landed)

    def _apply(self, state: State, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        """The fence first, then the operations in order. Raises: what any of them refuses."""
        if lease is not None:
            guard(state, lease)
        return tuple(APPLIERS[type(operation)](state, operation) for operation in operations)

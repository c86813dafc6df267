"""The memory store: a thin class over its facets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import cast

from perdure.core.clock import Clock, SystemClock
from perdure.core.decisions import Decision, Draft, decide_holder, decide_outside, load
from perdure.core.decisions.changes import Change
from perdure.core.decisions.deciding import drive
from perdure.core.decisions.reads import GetLeaseTime, Read, WriteDraft
from perdure.core.operations import CommitResult, HolderOperation, OutsideOperation, RenewWorker
from perdure.core.records import Lease
from perdure.core.values import MAX_VALUE_BYTES, Value
from perdure.errors import StoreClosed
from perdure.stores.memory.copies import detached
from perdure.stores.memory.events import Events
from perdure.stores.memory.messages import Messages
from perdure.stores.memory.questions import Questions
from perdure.stores.memory.queues import Queues
from perdure.stores.memory.reads import READS
from perdure.stores.memory.runs import Runs
from perdure.stores.memory.state import State
from perdure.stores.memory.steps import Steps
from perdure.stores.memory.streams import Streams
from perdure.stores.memory.threads import Threads
from perdure.stores.memory.transfer import Transfer
from perdure.stores.memory.workers import Workers
from perdure.stores.memory.writes import write
from perdure.stores.notices import Notices, TopicWatch
from perdure.stores.port import Abilities
from perdure.stores.shielded import Shielded
from perdure.stores.validation import check_commit, check_operation

BOOT = "this process"


class MemoryStore:
    """A store that lives in this process and nowhere else."""

    def __init__(self, url: str = "memory:", *, clock: Clock | None = None, max_value: int = MAX_VALUE_BYTES) -> None:
        self.url = url
        self.abilities = Abilities(
            survives_kill=False,
            many_processes=False,
            proves_death=False,
            renews_off_the_loop=True,
            push=True,
            max_value=max_value,
        )
        self._clock = clock or SystemClock()
        self._state = State()
        self._notices = Notices()
        self._closed = False
        # A renewal comes from another thread, and may come in the middle of anything but a commit. What it changes is
        # one row of one table, so reading needs no lock.
        self._landing = threading.Lock()
        self.runs = Runs(self._look, self._clock.lease_now)
        self.steps = Steps(self._look)
        self.events = Events(self._look)
        self.questions = Questions(self._look)
        self.streams = Streams(self._look)
        self.threads = Threads(self._look)
        self.messages = Messages(self._look)
        self.workers = Workers(self._look, self._lease_time)
        self.queues = Queues(self._look)
        self.transfer = Transfer(self._look, self._load)

    def commit(self, lease: Lease, *operations: HolderOperation) -> Shielded[CommitResult]:
        return self._landed(lambda: self._commit(lease, operations))

    def execute(self, operation: OutsideOperation) -> Shielded[Value]:
        return self._landed(lambda: self._execute(operation))

    def renew(self, operation: RenewWorker) -> tuple[tuple[str | None, str], ...]:
        return cast("tuple[tuple[str | None, str], ...]", self._execute(operation))

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
            raise StoreClosed(f"{self.url} was closed; use it inside `async with app:`")
        return self._state

    def _lease_time(self) -> tuple[float, str]:
        return self._clock.lease_now(), BOOT

    def _landed(self, land: Callable[[], Value]) -> Shielded[Value]:
        loop = asyncio.get_running_loop()
        awaited: Shielded[Value] = Shielded(loop=loop)
        # Settled in the next turn of the loop, so that whoever commits again and again lets others in between.
        try:
            result = land()
        except Exception as refusal:
            loop.call_soon(awaited.set_exception, refusal)
        else:
            loop.call_soon(awaited.set_result, result)
        return awaited

    def _commit(self, lease: Lease, operations: tuple[HolderOperation, ...]) -> CommitResult:
        self._look()
        check_commit(operations, self.abilities.max_value)
        draft = Draft()
        return self._land(draft, decide_holder(draft, lease, detached(operations)))

    def _execute(self, operation: OutsideOperation) -> Value:
        self._look()
        check_operation(operation, self.abilities.max_value)
        draft = Draft()
        return self._land(draft, decide_outside(draft, detached(operation)))

    def _land(self, draft: Draft, decision: Decision[Value]) -> Value:
        """Decide and write: whole, or not at all."""
        with self._landing:
            try:
                result = drive(decision, lambda request: self._read(draft, request))
                self._write(draft)
            except BaseException:
                self._state.undo.take_back()
                raise
            self._state.undo.forget()
        self._notices.publish(draft.topics)
        return detached(result)

    def _load(self, changes: Sequence[Change]) -> None:
        draft = Draft()
        self._land(draft, load(draft, self.url, changes))
        self._notices.publish_all()

    def _read(self, draft: Draft, request: Read) -> Value:
        if isinstance(request, WriteDraft):
            return self._write(draft)
        return self._lease_time() if isinstance(request, GetLeaseTime) else READS[type(request)](self._state, request)

    def _write(self, draft: Draft) -> None:
        for change in draft.take():
            write(self._state, change)

"""One attempt of a run: what its journal holds, what it writes under its lease, and how it ends.

Its tasks, and how it halts, are those of `AttemptTasks`, where the theory of it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from perdure.core.failures import failure_of
from perdure.core.manifest import Manifest, Outcome
from perdure.core.operations import ClaimedRun, CommitResult, FinishRun, HolderOperation, NoteCleanups
from perdure.core.records import EventRecord, Journal, RunStatus
from perdure.core.states import FINAL
from perdure.core.values import Value
from perdure.errors import ReplayError, WorkflowError
from perdure.runs.attempt_tasks import AttemptTasks
from perdure.runs.halting import Halt, Unwind
from perdure.runs.journal import WITHOUT_RECORD, Replay
from perdure.runs.protocols import AttemptHost, Called, EndOperations
from perdure.runs.store_retry import retry_unavailable
from perdure.stores.port import Store
from perdure.streams import LogWriter

if TYPE_CHECKING:
    from perdure.core.records import StepRecord
    from perdure.runs.workflow import Workflow

R = TypeVar("R")

UNSEEN_FOR = 0.1
VERSION_BITS = 32

_manifests = msgspec.json.Decoder(Manifest)


class Attempt(AttemptTasks):
    """One attempt of one run, under one lease."""

    __slots__ = (
        "_has_noted_cleanups",
        "_head",
        "_log",
        "_manifest",
        "_on_ended",
        "_versions",
        "at_end",
        "calls",
        "cleanups",
        "context_of",
        "events",
        "halt_at_frontier",
        "inbox",
        "outcome",
        "replay",
        "seq",
        "status",
        "workflow",
    )

    def __init__(
        self,
        host: AttemptHost,
        claimed: ClaimedRun,
        journal: Journal,
        workflow: Workflow[..., Value],
        context_of: Callable[[Attempt], object],
        on_ended: Callable[[Attempt], None],
    ) -> None:
        super().__init__(host, claimed.run)
        run = claimed.run
        self.workflow = workflow
        self.context_of = context_of
        self.replay = Replay(journal.steps, complete=False)
        self.events: dict[str, EventRecord] = {}
        self.seq = 0
        self.inbox = max(run.inbox, journal.inbox)
        self._head = journal.head
        self._log: LogWriter | None = None
        self.take_in(journal.events)
        self.calls: dict[str, Called] = {}
        self.outcome: Outcome | None = None
        self.at_end: EndOperations | None = None
        self.halt_at_frontier: Halt | None = None
        self.cleanups: list[Callable[[], Awaitable[object]]] = []
        self.status: RunStatus = "running"
        self._manifest = claimed.manifest
        self._versions = 0
        self._has_noted_cleanups = run.cleans_up
        self._on_ended = on_ended

    @property
    def manifest(self) -> Manifest:
        """What the run was asked to do."""
        return _manifests.decode(self._manifest)

    @property
    def log(self) -> LogWriter:
        """What gives the entries of the run's log their seqs; most runs have none."""
        if self._log is None:
            self._log = LogWriter(self.commit, self._head)
        return self._log

    def start(self, main: Callable[[Attempt], Awaitable[None]]) -> asyncio.Task[None]:
        """Begin with the run's own branch; the task ends when this attempt has."""
        return self.spawn(self.root, partial(main, self))

    def left(self) -> None:
        self._on_ended(self)

    def journal(self) -> Journal:
        """The run's journal as it is now, with what this attempt has written."""
        head = self._head if self._log is None else self._log.head
        return Journal(self.replay.now(), tuple(self.events.values()), self.inbox, head)

    @property
    def encoded_manifest(self) -> bytes:
        """What the run was asked to do, as it is stored."""
        return self._manifest

    # Replaying.

    def visit(self, call: Called, fingerprint: str | None = None) -> StepRecord | None:
        """The record at a call's position. Raises: Unwind where the journal disagrees; the run has diverged."""
        try:
            record = self.replay.visit(call.position, call.name, call.kind, fingerprint)
        except ReplayError as error:
            self.diverge(error)
            self.check()
            raise
        if self.halt_at_frontier is not None:
            self._check_frontier(call, record)
        return record

    def cancel_at_frontier(self, reason: str) -> None:
        """Cancel when the code comes to what is not recorded: until then it registers what is to be cleaned up."""
        self.halt_at_frontier = Halt("cancel", reason)

    def _check_frontier(self, call: Called, record: StepRecord | None) -> None:
        is_past = record is None if call.kind not in WITHOUT_RECORD else False
        if (is_past or (record is not None and record.status not in FINAL)) and self.halt_at_frontier is not None:
            self.stop(self.halt_at_frontier)
            self.check()

    def take_in(self, events: tuple[EventRecord, ...]) -> list[EventRecord]:
        """The events that are new here."""
        if not events:
            return []
        fresh = [event for event in events if self.events.setdefault(event.key, event) is event]
        self.seq = max((self.seq, *(event.seq for event in events)))
        return fresh

    @property
    def may_start(self) -> bool:
        """Whether a new effect may begin now; else `until_held`."""
        return self.halt is None and self.host.holds()

    async def until_held(self) -> None:
        """Wait until a new effect may begin: a lease that was not renewed in time may still be. Raises: Unwind."""
        self.check()
        try:
            await self.host.until_held()
        except asyncio.CancelledError:
            self.check()
            raise
        self.check()

    def look_at(self, task: asyncio.Task[Value]) -> None:
        if not task.cancelled():
            self.host.clock.call_after(UNSEEN_FOR, lambda: self._fail_unseen(task))

    def _fail_unseen(self, task: asyncio.Task[Value]) -> None:
        if not getattr(task, "_log_traceback", False):
            return  # somebody has asked for what it raised
        error = task.exception()
        if not isinstance(error, WorkflowError) or self.halt is not None or self.ending:
            return
        if not self.has_ended_early(raised=error):
            self.error = error
            self.host.raised(self.run, error)
            self.stop(Halt("failed", str(error), failure_of(error)))

    # Writing.

    def commit(self, *operations: HolderOperation) -> Coroutine[Value, Value, CommitResult]:
        """Commit under the lease, again and again while the store can't be reached.

        Raises: Unwind where the lease is lost, and this attempt with it.
        """
        return retry_unavailable(self, self.host.store.commit, self.lease, *operations)

    async def read(self, ask: Callable[[Store], Awaitable[R]]) -> R:
        """Read from the store: the one way in which an attempt does. Tried again as `commit` is.

        Raises: Unwind where the lease is lost, and this attempt with it.
        """
        return await retry_unavailable(self, ask, self.host.store)

    @property
    def is_given_up(self) -> bool:
        """Whether there is no use in asking the store any more: another has the run, or will have it."""
        halt = self.halt
        return halt is not None and (halt.kind == "lost" or (halt.kind == "release" and not self.host.holds()))

    def version(self) -> int:
        """A number that rises with each call, over all holders of the run: for what they write in place."""
        self._versions += 1
        return self.lease.token << VERSION_BITS | self._versions

    def add_cleanup(self, cleanup: Callable[[], Awaitable[object]]) -> None:
        """Call it when the run is cancelled; that there is one is durable soon."""
        self.cleanups.append(cleanup)
        if not self._has_noted_cleanups:
            self._has_noted_cleanups = True
            self.host.spawn(self._note_cleanups())

    @property
    def cleans_up(self) -> bool:
        """Whether functions are to be called when the run is cancelled, as far as this attempt or one before knows."""
        diverged = self.halt is not None and self.halt.kind == "diverged"
        return bool(self.cleanups) or (diverged and self.run.cleans_up)

    async def _note_cleanups(self) -> None:
        with suppress(Unwind):
            await self.commit(NoteCleanups())

    # The end.

    async def finish(self, finish: FinishRun) -> None:
        """Commit the run's end, with what a room above adds to it."""
        at_end = self.at_end
        if at_end is None:
            await self.commit(finish)
        else:
            await self.log.commit(lambda seq: (*at_end(finish.status, finish.failure, seq), finish))
        self.status = finish.status

    def has_ended_early(self, branch: str = "", raised: BaseException | None = None) -> bool:
        """Whether the code of a branch ended before it came to what is recorded in it; the run has diverged then."""
        early = self.replay.ended_early(branch, raised) if self.halt is None else None
        if early is not None:
            self.diverge(early)
        return early is not None

    def diverge(self, error: ReplayError) -> None:
        """The code and the journal disagree: nothing more is executed, and the run is parked with both."""
        failure = failure_of(error, "diverged")
        self.error = error
        self.host.raised(self.run, error)
        self.stop(Halt("diverged", str(error), msgspec.structs.replace(failure, data=self.replay.both())))

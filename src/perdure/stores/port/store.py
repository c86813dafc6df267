"""The store: commits, notices, and the facets to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

import msgspec

from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.stores.port.events import Emit, EventReads
from perdure.stores.port.leases import TakeOver, TakeRun
from perdure.stores.port.messages import AddMessage, MessageReads, PutParts, SetMessage
from perdure.stores.port.questions import Answer, Ask, QuestionReads
from perdure.stores.port.queues import Claim, QueueReads
from perdure.stores.port.runs import (
    CancelRun,
    CreateRun,
    DeleteRun,
    FinishRun,
    ReleaseRun,
    RestartRun,
    RunReads,
    SealRun,
    SuspendRun,
)
from perdure.stores.port.steps import PutStep, StepReads
from perdure.stores.port.streams import AppendEntries, CompactEntries, StreamReads
from perdure.stores.port.threads import AddThreadEvent, CreateThread, DeleteThread, StartTurn, ThreadReads, UpdateThread
from perdure.stores.port.workers import RegisterWorker, RenewWorker, RetireWorker, WorkerReads

Operation: TypeAlias = (
    CreateRun
    | SuspendRun
    | ReleaseRun
    | FinishRun
    | CancelRun
    | SealRun
    | RestartRun
    | DeleteRun
    | TakeRun
    | TakeOver
    | RegisterWorker
    | RenewWorker
    | RetireWorker
    | PutStep
    | Emit
    | Ask
    | Answer
    | Claim
    | AppendEntries
    | CompactEntries
    | CreateThread
    | UpdateThread
    | DeleteThread
    | StartTurn
    | AddThreadEvent
    | AddMessage
    | PutParts
    | SetMessage
)


CommitResult: TypeAlias = tuple[Value, ...]
"""One result per operation, as its docstring says; None where it says nothing."""


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a store can do; the suite asks for it, and what is lacking is printed.

    Shape: with `push`, news comes to those whom it concerns, and to nobody else.
    `made_of` names versions, for a person who looks.
    Units: `max_value` in bytes, for one encoded value.
    """

    survives_kill: bool
    many_processes: bool
    proves_death: bool
    push: bool
    max_value: int
    made_of: dict[str, str] = {}


class Watch(Protocol):
    """Waits for news of topics; made by `Store.watch`, used by one task, closed when done."""

    async def wait(self) -> None:
        """Return when something about a topic was committed since the last return (or since the watch was made).

        A hint, never a fact: it may come for nothing, and is never missing. Look, wait, look again.
        """
        ...

    def tell(self) -> None:
        """Make `wait` return, as news would."""
        ...

    def close(self) -> None:
        """Stop watching; safe twice."""
        ...


class Store(Protocol):
    """One database. Opened by `open_store`; used on the event loop that opened it, but for `renew`."""

    @property
    def url(self) -> str:
        """Where it lives."""
        ...

    @property
    def abilities(self) -> Abilities:
        """What it can do."""
        ...

    @property
    def runs(self) -> RunReads:
        """Reading runs."""
        ...

    @property
    def steps(self) -> StepReads:
        """Reading steps."""
        ...

    @property
    def events(self) -> EventReads:
        """Reading events."""
        ...

    @property
    def questions(self) -> QuestionReads:
        """Reading questions."""
        ...

    @property
    def streams(self) -> StreamReads:
        """Reading streams."""
        ...

    @property
    def threads(self) -> ThreadReads:
        """Reading threads."""
        ...

    @property
    def messages(self) -> MessageReads:
        """Reading messages."""
        ...

    @property
    def workers(self) -> WorkerReads:
        """Reading workers."""
        ...

    @property
    def queues(self) -> QueueReads:
        """Reading queues."""
        ...

    def commit(self, *operations: Operation, lease: Lease | None = None) -> Awaitable[CommitResult]:
        """Land the operations, whole and durable, or not at all.

        The commit is on its way when this returns; to cancel whoever awaits it takes nothing back, and the
        cancellation is delivered once the commit has landed or been refused.
        Shape: one result per operation.
        Raises: LeaseLost where the lease is stale, or its run is not owned any more, and where an operation that needs
        the lease of its run comes with another, or with none (token 0 then); what the operations raise;
        TooLarge for a value over the ability's limit; StoreUnavailable, StoreClosed, StoreForked.
        """
        ...

    def renew(self, operation: RenewWorker) -> list[str]:
        """Land a renewal and wait for it. From any thread but the loop's, whatever the loop does; else as `commit`."""
        ...

    def watch(self, *topics: str) -> Watch:
        """Watch topics: `run:ID`, `end:ID`, `stream:ID`, `queue:NAME`, `thread:ID`, `questions`, `workers`.

        What is news of which stands in `stores.topics`. News of this process's commits comes at once, of other
        processes' after at most 50 ms. Whoever watches a store that is closed is told.
        """
        ...

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on the loop at news of a topic (see `watch`), until the function that comes back is called."""
        ...

    async def close(self) -> None:
        """Let what is on its way land, then close; safe twice."""
        ...

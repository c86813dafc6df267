"""The store: commits, news, and the facets to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from perdure.core.operations import CommitResult, HolderOperation, OutsideOperation, RenewWorker
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.stores.port.events import EventReads
from perdure.stores.port.messages import MessageReads
from perdure.stores.port.questions import QuestionReads
from perdure.stores.port.queues import QueueReads
from perdure.stores.port.runs import RunReads
from perdure.stores.port.steps import StepReads
from perdure.stores.port.streams import StreamReads
from perdure.stores.port.threads import ThreadReads
from perdure.stores.port.transfer import Transfer
from perdure.stores.port.workers import WorkerReads


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a store can do; the suite asks for it, and what is lacking is printed.

    Shape: with `push`, news comes to those whom it concerns, and to nobody else.
    `made_of` names versions, for a person who looks.
    Units: `max_value` in bytes, for one encoded value.
    """

    survives_kill: bool
    many_processes: bool
    proves_death: bool
    renews_off_the_loop: bool
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
    """One database. Opened by `open_store`; used on the event loop that opened it, but for `renew`.

    It owns lease time: its clock stamps leases and decides when they have ended.
    """

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

    @property
    def transfer(self) -> Transfer:
        """Everything, out and in."""
        ...

    def commit(self, lease: Lease, *operations: HolderOperation) -> Awaitable[CommitResult]:
        """Land a holder's operations on the run of its lease, whole and durable, or not at all.

        The commit is on its way when this returns; to cancel whoever awaits it takes nothing back, and the
        cancellation is delivered once the commit has landed or been refused. Operations are applied in order, and
        each sees what the ones before it wrote. The lease decides by its token alone, on the run's own row.
        Shape: one result per operation. An end (suspend, release, finish) comes last, and is the only one.
        Raises: LeaseLost where the token is stale, or nobody holds the run; what the operations raise; TooLarge for a
        value over the ability's limit; StoreUnavailable (with `unknown`: land it again), StoreClosed, StoreForked.
        """
        ...

    def execute(self, operation: OutsideOperation) -> Awaitable[Value]:
        """Land an outside operation, whole and durable, or not at all; as `commit` otherwise.

        Shape: what the operation's docstring says.
        """
        ...

    def renew(self, operation: RenewWorker) -> tuple[tuple[str | None, str], ...]:
        """Land a renewal and wait for it: from another thread than the loop's, whatever the loop does.

        Shape: as RenewWorker says. A store without the ability `renews_off_the_loop` must not be asked; it takes
        renewals by `execute`.
        """
        ...

    def watch(self, *topics: str) -> Watch:
        """Watch topics, made by `core.topics`, which says what is news of which.

        News of this process's commits comes at once, of other
        processes' after at most 50 ms. Whoever watches a store that is closed is told.
        """
        ...

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on the loop at news of a topic (see `watch`), until the function that comes back is called."""
        ...

    async def close(self) -> None:
        """Let what is on its way land, then close; safe twice."""
        ...

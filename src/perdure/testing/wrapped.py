"""A store before another one: passes everything on, and lets whoever inherits stand between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from perdure.core.operations import CommitResult, HolderOperation, Operation, OutsideOperation, RenewWorker
from perdure.core.values import Value
from perdure.stores import port
from perdure.stores.shielded import Shielded

if TYPE_CHECKING:
    from perdure.core.records import Lease

T = TypeVar("T")
RunKeys: TypeAlias = tuple[tuple[str | None, str], ...]
"""(tenant, run id) of several runs."""


class WrappedStore:
    """The same store; `around_commit`, `around_read` and `around_renewal` are there to be overridden."""

    def __init__(self, inner: port.Store) -> None:
        self.inner = inner
        self.runs = cast("port.RunReads", _Facet(self, "runs", inner.runs))
        self.steps = cast("port.StepReads", _Facet(self, "steps", inner.steps))
        self.events = cast("port.EventReads", _Facet(self, "events", inner.events))
        self.questions = cast("port.QuestionReads", _Facet(self, "questions", inner.questions))
        self.streams = cast("port.StreamReads", _Facet(self, "streams", inner.streams))
        self.threads = cast("port.ThreadReads", _Facet(self, "threads", inner.threads))
        self.messages = cast("port.MessageReads", _Facet(self, "messages", inner.messages))
        self.workers = cast("port.WorkerReads", _Facet(self, "workers", inner.workers))
        self.queues = cast("port.QueueReads", _Facet(self, "queues", inner.queues))

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def abilities(self) -> port.Abilities:
        return self.inner.abilities

    @property
    def transfer(self) -> port.Transfer:
        return self.inner.transfer

    def commit(self, lease: Lease, *operations: HolderOperation) -> Awaitable[CommitResult]:
        return self.around_commit(operations, lease, lambda: self.inner.commit(lease, *operations))

    def execute(self, operation: OutsideOperation) -> Awaitable[Value]:
        return self.around_commit((operation,), None, lambda: self.inner.execute(operation))

    def renew(self, operation: RenewWorker) -> RunKeys:
        return self.around_renewal(operation, lambda: self.inner.renew(operation))

    def watch(self, *topics: str) -> port.Watch:
        return self.inner.watch(*topics)

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        return self.inner.listen(topic, callback)

    async def close(self) -> None:
        await self.inner.close()

    def around_commit(
        self,
        operations: tuple[Operation, ...],  # noqa: ARG002 - for whoever inherits
        lease: Lease | None,  # noqa: ARG002 - for whoever inherits
        commit: Callable[[], Awaitable[Value]],
    ) -> Awaitable[Value]:
        """Stand around a holder's commit, or, without a lease, around an outside operation."""
        return commit()

    async def around_read(self, name: str, read: Callable[[], Awaitable[T]]) -> T:  # noqa: ARG002 - for whoever inherits
        """Stand around a read; its name is `facet.method`."""
        return await read()

    def around_renewal(self, operation: RenewWorker, renew: Callable[[], RunKeys]) -> RunKeys:  # noqa: ARG002 - for whoever inherits
        """Stand around a renewal, in the heartbeat's thread."""
        return renew()


class _Facet:
    """The reads of one facet, each of which goes through `around_read`."""

    def __init__(self, store: WrappedStore, name: str, inner: object) -> None:
        self._store = store
        self._name = name
        self._inner = inner

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Value]]:
        read: Callable[..., Awaitable[Value]] = getattr(self._inner, method)

        def call(*args: Value, **kwargs: Value) -> Awaitable[Value]:
            return self._store.around_read(f"{self._name}.{method}", lambda: read(*args, **kwargs))

        return call


def shielded(landing: Coroutine[Value, Value, T]) -> Awaitable[T]:
    """A commit on its way, as the port says: to cancel whoever awaits it takes nothing back."""
    task, answer = asyncio.ensure_future(landing), Shielded[T]()

    def answered(_: object) -> None:
        if task.cancelled():  # its process has died, or its loop ends
            answer.withdraw()
            return
        error = task.exception()
        if error is None:
            answer.set_result(task.result())
        else:
            answer.set_exception(error)

    task.add_done_callback(answered)
    return answer

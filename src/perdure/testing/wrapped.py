"""A store before another one: passes everything on, and lets whoever inherits stand between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

from perdure.core.values import Value
from perdure.stores import port

if TYPE_CHECKING:
    from perdure.core.records import Lease

T = TypeVar("T")


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

    def commit(self, *operations: port.Operation, lease: Lease | None = None) -> Awaitable[port.CommitResult]:
        return self.around_commit(operations, lease, lambda: self.inner.commit(*operations, lease=lease))

    def renew(self, operation: port.RenewWorker) -> list[str]:
        return self.around_renewal(operation, lambda: self.inner.renew(operation))

    def watch(self, *topics: str) -> port.Watch:
        return self.inner.watch(*topics)

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        return self.inner.listen(topic, callback)

    async def close(self) -> None:
        await self.inner.close()

    def around_commit(
        self,
        operations: tuple[port.Operation, ...],  # noqa: ARG002 - for whoever inherits
        lease: Lease | None,  # noqa: ARG002 - for whoever inherits
        commit: Callable[[], Awaitable[port.CommitResult]],
    ) -> Awaitable[port.CommitResult]:
        """Stand around a commit."""
        return commit()

    async def around_read(self, name: str, read: Callable[[], Awaitable[T]]) -> T:  # noqa: ARG002 - for whoever inherits
        """Stand around a read; its name is `facet.method`."""
        return await read()

    def around_renewal(self, operation: port.RenewWorker, renew: Callable[[], list[str]]) -> list[str]:  # noqa: ARG002 - for whoever inherits
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

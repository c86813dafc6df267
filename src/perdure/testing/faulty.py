"""A store in trouble: answers that are lost, calls that fail, calls that land twice, an outage.

    store = FaultyStore(await open_store(url), random_faults(Random(7), share=0.1))
    with store.outage():
        ...

What a program does must come to the same with it and without it: an unknown outcome is answered by landing the same
commit again, a failed read by reading again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from random import Random
from typing import Literal, TypeAlias, TypeVar

from perdure.core.operations import Operation, RenewWorker
from perdure.core.records import Lease
from perdure.core.values import Value
from perdure.errors import StoreUnavailable
from perdure.stores import port
from perdure.testing.wrapped import RunKeys, WrappedStore, shielded

T = TypeVar("T")
Fault: TypeAlias = Literal["refused", "lost_before", "lost_after", "twice"]
"""`refused`: it fails, and says that it did not land. `lost_before` and `lost_after`: it fails, and says that nobody
knows; it did not land, or it did. `twice`: it lands twice, and answers the second time's answer."""

Choose: TypeAlias = Callable[[str], Fault | None]
"""Which fault a call meets, by its name: `commit PutStep`, `execute Claim`, `read runs.get`, `renew`."""

COMMIT_FAULTS: tuple[Fault, ...] = ("refused", "lost_before", "lost_after", "twice")


def no_faults(name: str) -> Fault | None:  # noqa: ARG001 - every call alike
    """Every call goes through."""
    return None


def random_faults(random: Random, share: float) -> Choose:
    """A share of the calls meets a fault, each kind as often."""

    def choose(name: str) -> Fault | None:  # noqa: ARG001 - every call alike
        return random.choice(COMMIT_FAULTS) if random.random() < share else None

    return choose


class FaultyStore(WrappedStore):
    """A store whose calls fail as `choose` says; while it is down, all of them."""

    def __init__(self, inner: port.Store, choose: Choose = no_faults) -> None:
        super().__init__(inner)
        self.choose = choose
        self.is_down = False
        self.met: dict[str, int] = {}

    @contextmanager
    def outage(self) -> Generator[None]:
        """The store refuses everything meanwhile."""
        self.is_down = True
        try:
            yield
        finally:
            self.is_down = False

    def around_commit(
        self, operations: tuple[Operation, ...], lease: Lease | None, commit: Callable[[], Awaitable[Value]]
    ) -> Awaitable[Value]:
        names = " ".join(type(operation).__name__ for operation in operations)
        fault = self._fault(f"{'commit' if lease is not None else 'execute'} {names}")
        if fault is None:
            return commit()
        return shielded(self._fail(fault, commit))

    async def around_read(self, name: str, read: Callable[[], Awaitable[T]]) -> T:
        if self._fault(f"read {name}") not in {None, "twice"}:
            raise StoreUnavailable("a fault was injected")
        return await read()

    def around_renewal(self, operation: RenewWorker, renew: Callable[[], RunKeys]) -> RunKeys:  # noqa: ARG002 - all alike
        fault = self._fault("renew")
        if fault in {"refused", "lost_before"}:
            raise StoreUnavailable("a fault was injected", unknown=fault == "lost_before")
        renewed = renew()
        if fault == "lost_after":
            raise StoreUnavailable("a fault was injected", unknown=True)
        return renew() if fault == "twice" else renewed

    def _fault(self, name: str) -> Fault | None:
        fault = "refused" if self.is_down else self.choose(name)
        if fault is not None:
            self.met[fault] = self.met.get(fault, 0) + 1
        return fault

    @staticmethod
    async def _fail(fault: Fault, commit: Callable[[], Awaitable[Value]]) -> Value:
        if fault in {"refused", "lost_before"}:
            raise StoreUnavailable("a fault was injected", unknown=fault == "lost_before")
        await commit()
        if fault == "lost_after":
            raise StoreUnavailable("a fault was injected", unknown=True)
        return await commit()  # what it refuses now it must not refuse: the law is broken then, and shows

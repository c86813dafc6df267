"""Stores whose commits are not what they seem."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec

from perdure.core.records import Lease
from perdure.stores.memory import (
    copies,
)
from perdure.stores.memory.state import State
from perdure.stores.port import (
    CommitResult,
    Operation,
)
from perdure.testing.store_suite.facets.callers import CallerPromises
from perdure.testing.store_suite.facets.commits import CommitPromises
from perdure.testing.store_suite.facets.groups import GroupPromises
from perdure.testing.store_suite.facets.values import ValuePromises
from tests.broken.registry import BreakableStore, caught_by


@caught_by(
    CommitPromises.test_a_commit_lands_whole_or_not_at_all,
    GroupPromises.test_a_refused_commit_of_a_group_leaves_nothing,
)
class NotAtomic(BreakableStore):
    """What came before a refusal stays."""

    def _apply(self, state: State, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        try:
            return super()._apply(state, operations, lease)
        finally:
            state.undo.forget()


@caught_by(
    GroupPromises.test_of_a_group_exactly_those_are_refused_that_must_be,
    GroupPromises.test_a_refused_commit_of_a_group_leaves_nothing,
)
class SharedFate(BreakableStore):
    """One refusal takes its whole group with it."""

    def __init__(self, url: str = "memory:") -> None:
        super().__init__(url)
        self._group: list[tuple[tuple[Operation, ...], Lease | None, asyncio.Future[CommitResult]]] = []

    def commit(self, *operations: Operation, lease: Lease | None = None) -> Any:
        loop = asyncio.get_running_loop()
        if not self._group:
            loop.call_soon(self._flush)
        future: asyncio.Future[CommitResult] = loop.create_future()
        self._group.append((operations, lease, future))
        return asyncio.shield(future)

    def _flush(self) -> None:
        group, self._group = self._group, []
        try:
            landed = [self._apply(self._state, copies.detached(operations), lease) for operations, lease, _ in group]
        except Exception as error:
            self._state.take_back()
            for _, _, future in group:
                future.set_exception(error)
                future.exception()
        else:
            self._notices.publish(self._state.settle())
            for (_, _, future), one in zip(group, landed, strict=True):
                future.set_result(one)


class Late(BreakableStore):
    """Commits a little later, as a store with a thread or a network does: no promise is broken."""

    async def _later(self, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        for _ in range(3):
            await asyncio.sleep(0)
        return self._land(operations, lease)


@caught_by(
    CallerPromises.test_to_cancel_a_caller_takes_no_commit_back,
    CallerPromises.test_a_caller_that_gives_up_takes_no_commit_back,
)
class CancelledCallerLosesTheCommit(Late):
    """A commit is a task of its caller, and goes with it."""

    def commit(self, *operations: Operation, lease: Lease | None = None) -> Any:
        return asyncio.ensure_future(self._later(operations, lease))


@caught_by(CallerPromises.test_a_cancellation_comes_when_the_commit_has_landed)
class CancelledCallerDoesNotWait(Late):
    """A commit is shielded, and its cancelled caller goes on before it has landed."""

    def commit(self, *operations: Operation, lease: Lease | None = None) -> Any:
        return asyncio.shield(asyncio.ensure_future(self._later(operations, lease)))


@caught_by(CallerPromises.test_a_commit_is_on_its_way_when_it_is_made)
class CommitsWhenAwaited(BreakableStore):
    """A commit that nobody awaits is none."""

    def commit(self, *operations: Operation, lease: Lease | None = None) -> Any:
        land = super().commit

        class Lazy(Awaitable[CommitResult]):
            def __await__(self) -> Any:
                return land(*operations, lease=lease).__await__()

        return Lazy()


@caught_by(CallerPromises.test_commits_let_others_in_between)
class NeverYields(BreakableStore):
    """Whoever commits again and again keeps the loop for itself."""

    def commit(self, *operations: Operation, lease: Lease | None = None) -> Any:
        settled: asyncio.Future[CommitResult] = asyncio.get_running_loop().create_future()
        try:
            settled.set_result(self._land(operations, lease))
        except Exception as error:
            settled.set_exception(error)
        return settled


@caught_by(ValuePromises.test_a_value_over_the_limit_is_refused_before_anything_changed)
class TooLargeAfterwards(BreakableStore):
    """Takes a value of any size."""

    def _land(self, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        limit, self.abilities = self.abilities, msgspec.structs.replace(self.abilities, max_value=2**62)
        try:
            return super()._land(operations, lease)
        finally:
            self.abilities = limit


@caught_by(
    ValuePromises.test_what_was_given_may_change_afterwards,
    ValuePromises.test_what_was_got_may_change_afterwards,
)
class SharedValues(BreakableStore):
    """Keeps the very dict that it was given."""

    def _land(self, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        landed = self._apply(self._state, operations, lease)
        self._state.settle()
        return landed

"""Stores whose commits are not what they seem."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from perdure.core.decisions import Decision, Draft, decide_outside
from perdure.core.decisions.deciding import drive
from perdure.core.operations import HolderOperation, OutsideOperation
from perdure.core.records import Lease
from perdure.stores.validation import check_operation
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

    def _land(self, draft: Draft, decision: Decision[Any]) -> Any:
        try:
            result = drive(decision, lambda request: self._read(draft, request))
        finally:
            self._write(draft)
            self.state.undo.forget()
        self._notices.publish(draft.topics)
        return result


@caught_by(
    GroupPromises.test_of_a_group_exactly_those_are_refused_that_must_be,
    GroupPromises.test_a_refused_commit_of_a_group_leaves_nothing,
)
class SharedOutcome(BreakableStore):
    """One refusal takes its whole group with it."""

    def __init__(self, url: str = "memory:", **options: Any) -> None:
        super().__init__(url, **options)
        self._group: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    def _landed(self, land: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        if not self._group:
            loop.call_soon(self._flush)
        future: asyncio.Future[Any] = loop.create_future()
        self._group.append((land, future))
        return asyncio.shield(future)

    def _flush(self) -> None:
        group, self._group = self._group, []
        refusals = dict[int, Exception]()
        results = list[Any]()
        for number, (land, _) in enumerate(group):
            try:
                results.append(land())
            except Exception as error:
                refusals[number] = error
                results.append(None)
        for number, (_, future) in enumerate(group):
            if refusals:
                future.set_exception(refusals.get(number) or next(iter(refusals.values())))
                future.exception()
            else:
                future.set_result(results[number])


class Late(BreakableStore):
    """Commits a little later, as a store with a thread or a network does: no promise is broken."""

    async def _later(self, land: Callable[[], Any]) -> Any:
        for _ in range(3):
            await asyncio.sleep(0)
        return land()


@caught_by(
    CallerPromises.test_to_cancel_a_caller_takes_no_commit_back,
    CallerPromises.test_a_caller_that_gives_up_takes_no_commit_back,
)
class CancelledCallerLosesTheCommit(Late):
    """A commit is a task of its caller, and goes with it."""

    def _landed(self, land: Callable[[], Any]) -> Any:
        return asyncio.ensure_future(self._later(land))


@caught_by(CallerPromises.test_a_cancellation_comes_when_the_commit_has_landed)
class CancelledCallerDoesNotWait(Late):
    """A commit is shielded, and its cancelled caller goes on before it has landed."""

    def _landed(self, land: Callable[[], Any]) -> Any:
        return asyncio.shield(asyncio.ensure_future(self._later(land)))


@caught_by(CallerPromises.test_a_commit_is_on_its_way_when_it_is_made)
class CommitsWhenAwaited(BreakableStore):
    """A commit that nobody awaits is none."""

    def _landed(self, land: Callable[[], Any]) -> Any:
        landed = super()._landed

        class Lazy(Awaitable[Any]):
            def __await__(self) -> Any:
                return landed(land).__await__()

        return Lazy()


@caught_by(CallerPromises.test_commits_let_others_in_between)
class NeverYields(BreakableStore):
    """Whoever commits again and again keeps the loop for itself."""

    def _landed(self, land: Callable[[], Any]) -> Any:
        settled: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            settled.set_result(land())
        except Exception as error:
            settled.set_exception(error)
        return settled


@caught_by(
    ValuePromises.test_what_a_holder_writes_over_the_limit_is_refused_before_anything_changed,
    ValuePromises.test_what_others_write_over_the_limit_is_refused_before_anything_changed,
)
class TooLargeIsTaken(BreakableStore):
    """Takes a value of any size."""

    def _unlimited(self, land: Callable[[], Any]) -> Any:
        limit, self.abilities = self.abilities, msgspec.structs.replace(self.abilities, max_value=2**62)
        try:
            return land()
        finally:
            self.abilities = limit

    def _commit(self, lease: Lease, operations: tuple[HolderOperation, ...]) -> Any:
        land = super()._commit
        return self._unlimited(lambda: land(lease, operations))

    def _execute(self, operation: OutsideOperation) -> Any:
        land = super()._execute
        return self._unlimited(lambda: land(operation))


@caught_by(
    ValuePromises.test_what_was_given_may_change_afterwards,
    ValuePromises.test_what_was_got_may_change_afterwards,
)
class SharedValues(BreakableStore):
    """Keeps the very dict that it was given, and gives it out."""

    def __init__(self, url: str = "memory:", **options: Any) -> None:
        super().__init__(url, **options)

        async def get(thread_id: str, *, tenant: str | None) -> Any:
            return self.state.threads.get((tenant, thread_id))

        self.threads.get = get

    def _commit(self, lease: Lease, operations: tuple[HolderOperation, ...]) -> Any:
        draft = Draft()
        return self._land(draft, self.decide(draft, lease, operations))

    def _execute(self, operation: OutsideOperation) -> Any:
        check_operation(operation, self.abilities.max_value)
        draft = Draft()
        return self._land(draft, decide_outside(draft, operation))

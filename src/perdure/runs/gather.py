"""gather and map: branches with positions of their own, so that replay does not depend on which finished first."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from perdure.core.annotations import called, name_of
from perdure.core.failures import failed_positions, mark_positions
from perdure.core.guarding import is_of
from perdure.core.positions import child
from perdure.core.values import Value
from perdure.errors import SettingInvalid, StepAborted
from perdure.runs.branch import Branch
from perdure.runs.calls import Call
from perdure.runs.halting import Carried
from perdure.runs.interrupts import is_of_user_code

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt

R = TypeVar("R")
T = TypeVar("T")
Item: TypeAlias = Call[T] | Callable[[], Awaitable[T]]


def check_item(item: object, what: str = "gather") -> None:
    """Refuse what is neither a call of the context nor a function. Raises: SettingInvalid."""
    if name := called(item):
        reason = f"a coroutine; pass {name} itself, partial({name}, …) for its arguments, or use ctx.map"
        raise SettingInvalid(what, reason)
    if isinstance(item, list | tuple):
        raise SettingInvalid(what, "a list of calls; unpack it: ctx.gather(*calls)")
    if not (isinstance(item, Call) or callable(item)):
        raise SettingInvalid(what, f"an async function or a call of the context, not {item!r}")


class GatherCall(Call[R]):
    """Functions and calls side by side; their results in order, once every one has settled.

    A function is the branch `p.i` of the gather's position p; a call keeps the position that it has. When some fail,
    the failure at the lowest position is raised.
    """

    __slots__ = ("_items", "_limit", "_running", "_settled", "_tasks", "_waiting")

    def __init__(
        self, attempt: Attempt, position: str, name: str, items: Sequence[Item[Value]], limit: int | None = None
    ) -> None:
        super().__init__(attempt, position, name, "gather")
        self._items = items
        self._limit = limit or len(items)
        self._waiting: deque[tuple[Branch, Callable[[], Awaitable[Value]]]] = deque()
        self._tasks: list[asyncio.Task[Value]] = []
        self._running = 0
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, branch: Branch) -> R:  # noqa: ARG002 - the items have branches of their own
        self.run_attempt.visit(self)
        if not self._items:
            return self._results()
        self._waiting.extend(self._branch(number, item) for number, item in enumerate(self._items))
        for _ in range(self._limit):
            self._start_next()
        self.run_attempt.rest()
        try:
            await self._settled
        except asyncio.CancelledError:
            if self._settled.cancelled():
                self.run_attempt.wake()
            self.run_attempt.check()
            for task in self._tasks:
                task.cancel()
            raise StepAborted(self.name, self.position) from None
        self.run_attempt.check()
        return self._results()

    def _branch(self, number: int, item: Item[Value]) -> tuple[Branch, Callable[[], Awaitable[Value]]]:
        if isinstance(item, Call):
            branch = Branch(item.position)
            return branch, partial(cast("Call[Value]", item).run_in, branch)
        branch = Branch(child(self.position, number))
        return branch, partial(self._call, item, branch)

    def _start_next(self) -> None:
        if self._waiting and self.run_attempt.halt is None:
            branch, work = self._waiting.popleft()
            self._running += 1
            self._tasks.append(self.run_attempt.spawn(branch, work, self._ended))

    def _ended(self) -> None:
        """Called before the ended task stops counting as active, so that nothing looks parked in between."""
        self._running -= 1
        self._start_next()
        if not self._running and not self._settled.done():
            self.run_attempt.wake()
            self._settled.set_result(None)

    async def _call(self, function: Callable[[], Awaitable[Value]], branch: Branch) -> Value:
        attempt = self.run_attempt
        try:
            made: object = function()
            if not inspect.isawaitable(made):
                reason = f"{name_of(function)} is not an async function; make a step of it: ctx.step(…)"
                raise SettingInvalid(self.name, reason)
            value = await made
        except BaseException as error:
            # found out here, not at the end: who handles what a branch raised may do what can't be undone
            is_its_own = is_of_user_code(error, branch) and not is_of(error, asyncio.CancelledError)
            if is_its_own and attempt.has_ended_early(branch.prefix, error):
                attempt.check()
            raise
        if attempt.has_ended_early(branch.prefix):
            attempt.check()
        return value

    def _results(self) -> Value:
        errors = [error for task in self._tasks if (error := _error(task)) is not None]
        if not errors:
            return [task.result() for task in self._tasks]
        mark_positions(errors[0], tuple(position for error in errors for position in failed_positions(error)))
        raise errors[0]


def _error(task: asyncio.Task[Value]) -> BaseException | None:
    error = asyncio.CancelledError("a branch cancelled itself") if task.cancelled() else task.exception()
    return error.error if error is not None and is_of(error, Carried) else error

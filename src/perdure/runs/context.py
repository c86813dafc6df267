"""The context: what a workflow holds, and the only way to do what lasts."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar, TypeVarTuple, overload

from perdure.core.given import given_record_of
from perdure.core.ids import Random, check_id, derived_random
from perdure.core.manifest import Outcome
from perdure.core.positions import child
from perdure.core.values import Value, check_storable
from perdure.errors import SettingInvalid
from perdure.runs.branch import current_branch, enter
from perdure.runs.calls import Call
from perdure.runs.children import ChildCall, ChildResult, check_options_of_child
from perdure.runs.derived import derived_seed
from perdure.runs.events import EmitCall, EventCall
from perdure.runs.gather import GatherCall, Item, check_item
from perdure.runs.options import (
    DEFAULT,
    StepKeywords,
    StepOptions,
    checked_cleanup,
    checked_function,
    checked_sleep,
    checked_text,
    checked_time,
    step_options,
    with_keywords,
)
from perdure.runs.protocols import ExtraOperations, StepInfo
from perdure.runs.run_log import RunLog, run_log
from perdure.runs.steps import StepCall
from perdure.runs.timers import NowCall, SleepCall
from perdure.runs.workflow import Workflow, WorkflowByName, checked_workflow

if TYPE_CHECKING:
    from typing import Unpack

    from perdure.runs.attempt import Attempt

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")
T7 = TypeVar("T7")
T8 = TypeVar("T8")


class Context:
    """What a workflow holds; every call takes a position at the call."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    @property
    def attempt(self) -> Attempt:
        """For rooms above: the attempt, to commit under its lease."""
        return self._attempt

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._attempt.run.run_id

    @property
    def project_id(self) -> str:
        """The project that the run belongs to."""
        return self._attempt.run.project_id

    @property
    def scenario_id(self) -> str | None:
        """The scenario, where one was given."""
        return self._attempt.run.scenario_id

    @property
    def tags(self) -> dict[str, str]:
        """The run's tags."""
        return dict(self._attempt.run.tags)

    @property
    def token(self) -> int:
        """The lease's token: it grows with every takeover, so an outside service can fence by it."""
        return self._attempt.lease.token

    @property
    def unwinding(self) -> bool:
        """Whether this attempt is being suspended or stopped: `finally` blocks run then, and may want to know."""
        return self._attempt.halt is not None

    @property
    def outcome(self) -> Outcome | None:
        """How good the result is, kept with the run."""
        return self._attempt.outcome

    @outcome.setter
    def outcome(self, outcome: Outcome) -> None:
        self._attempt.outcome = given_record_of("outcome", outcome, Outcome)  # here, not at the end of the run

    @property
    def log(self) -> RunLog:
        """A logger that names the run and the position, and is silent in replay."""
        branch = current_branch.get()
        if branch is None:
            position, replaying = "", False
        elif branch.step is not None:
            position, replaying = branch.step.position, False
        else:
            position = child(branch.prefix, branch.next_number)
            replaying = self._attempt.replay.went_past(branch.prefix, branch.next_number)
        return run_log(self.run_id, position, replaying=replaying)

    @overload
    def step(
        self, name: str, function: Callable[[*Ts], Awaitable[R]], *args: *Ts, **options: Unpack[StepKeywords]
    ) -> Call[R]: ...

    @overload
    def step(self, name: str, function: Callable[[*Ts], R], *args: *Ts, **options: Unpack[StepKeywords]) -> Call[R]: ...

    @overload
    def step(
        self, name: str, function: Callable[[*Ts], Value], *args: *Ts, as_: type[T], **options: Unpack[StepKeywords]
    ) -> Call[T]: ...

    @overload
    def step(
        self,
        name: str,
        function: Callable[..., Value],
        *args: Value,
        kwargs: Mapping[str, Value],
        as_: type[T],
        **options: Unpack[StepKeywords],
    ) -> Call[T]: ...

    @overload
    def step(
        self,
        name: str,
        function: Callable[..., Awaitable[R]],
        *args: Value,
        kwargs: Mapping[str, Value],
        **options: Unpack[StepKeywords],
    ) -> Call[R]: ...

    @overload
    def step(
        self,
        name: str,
        function: Callable[..., R],
        *args: Value,
        kwargs: Mapping[str, Value],
        **options: Unpack[StepKeywords],
    ) -> Call[R]: ...

    def step(self, name: str, function: Callable[..., Value], *args: Value, **options: Value) -> Call[Value]:
        """Run a function once, and never again once its outcome is committed.

        A synchronous function runs in a thread. The result comes back as the return annotation says (or `as_`), the
        first time and on every replay.
        Shape: every keyword is an option of the step. What the function takes by name goes into `kwargs`; `retry` how
        often an attempt that failed is repeated: a `Retry`, or a number of attempts; `timeout` per attempt; `in_doubt`
        what happens when an attempt began and nobody saw its end: `retry` (default), `fail`, or `ask` a person;
        `read_only` and `idempotent` allow a repetition after a timeout; a `fingerprint` is compared on replay; `kind`
        is a label.
        Units: `timeout` is a timedelta, or seconds.
        Raises: StepFailed (StepTimedOut, StepInDoubt) when awaited, for good; SettingInvalid, InputError and
        WorkflowError at the call.
        """
        if not options:
            return self.step_with(name, function, args, DEFAULT)
        kwargs = options.pop("kwargs", None)
        checked = step_options(options)
        if kwargs is not None:
            function = with_keywords(checked_function(name, function), args, kwargs)
        return self.step_with(name, function, args, checked)

    def step_with(
        self,
        name: str,
        function: Callable[..., Value],
        args: tuple[Value, ...],
        options: StepOptions,
        extra_operations: ExtraOperations | None = None,
    ) -> StepCall[Value]:
        """For rooms above: a step whose end is committed with more than its result."""
        function = checked_function(name, function)
        checked_text("name", name)
        return StepCall(self._attempt, self._take("ctx.step"), name, function, args, options, extra_operations)

    @overload
    def gather(  # pyright: ignore[reportOverlappingOverload] - as asyncio.gather: one item is a tuple, any number a list
        self, item1: Item[T1], /
    ) -> Call[tuple[T1]]: ...

    @overload
    def gather(self, item1: Item[T1], item2: Item[T2], /) -> Call[tuple[T1, T2]]: ...

    @overload
    def gather(self, item1: Item[T1], item2: Item[T2], item3: Item[T3], /) -> Call[tuple[T1, T2, T3]]: ...

    @overload
    def gather(
        self, item1: Item[T1], item2: Item[T2], item3: Item[T3], item4: Item[T4], /
    ) -> Call[tuple[T1, T2, T3, T4]]: ...

    @overload
    def gather(
        self, item1: Item[T1], item2: Item[T2], item3: Item[T3], item4: Item[T4], item5: Item[T5], /
    ) -> Call[tuple[T1, T2, T3, T4, T5]]: ...

    @overload
    def gather(
        self, item1: Item[T1], item2: Item[T2], item3: Item[T3], item4: Item[T4], item5: Item[T5], item6: Item[T6], /
    ) -> Call[tuple[T1, T2, T3, T4, T5, T6]]: ...

    @overload
    def gather(
        self,
        item1: Item[T1],
        item2: Item[T2],
        item3: Item[T3],
        item4: Item[T4],
        item5: Item[T5],
        item6: Item[T6],
        item7: Item[T7],
        /,
    ) -> Call[tuple[T1, T2, T3, T4, T5, T6, T7]]: ...

    @overload
    def gather(
        self,
        item1: Item[T1],
        item2: Item[T2],
        item3: Item[T3],
        item4: Item[T4],
        item5: Item[T5],
        item6: Item[T6],
        item7: Item[T7],
        item8: Item[T8],
        /,
    ) -> Call[tuple[T1, T2, T3, T4, T5, T6, T7, T8]]: ...

    @overload
    def gather(self, *items: Item[T]) -> Call[list[T]]: ...

    def gather(self, *items: Item[Value]) -> Call[Value]:
        """Run async functions without parameters, or calls of this context, side by side; results in order.

        Shape: a list; up to eight results are typed one by one, as those of asyncio.gather.
        Raises: the failure at the lowest position, when every one has settled; SettingInvalid at the call.
        """
        for item in items:
            check_item(item)
        return GatherCall(self._attempt, self._take("ctx.gather"), "gather", items)

    def map(
        self, function: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int | None = None
    ) -> Call[list[R]]:
        """Run an async function for each item, at most `limit` at once; results in the items' order.

        Raises: as `gather`.
        """
        check_item(function, "map")
        if limit is not None and (not isinstance(limit, int) or limit < 1):  # pyright: ignore[reportUnnecessaryIsInstance] - users
            raise SettingInvalid("limit", f"a number of at least 1, not {limit!r}")
        each = [partial(function, item) for item in items]
        return GatherCall[list[R]](self._attempt, self._take("ctx.map"), "map", each, limit)

    @overload
    def await_event(self, key: str, *, timeout: timedelta | float | None = None, as_: type[T]) -> Call[T]: ...

    @overload
    def await_event(self, key: str, *, timeout: timedelta | float | None = None, as_: Value = None) -> Call[Value]: ...

    def await_event(self, key: str, *, timeout: timedelta | float | None = None, as_: Value = None) -> Call[Value]:
        """Wait for the event with this key, at no cost, for as long as it takes; its payload.

        Shape: the payload as `as_` says. An event that is there already is returned at once. The deadline is fixed
        at the first call and survives restarts.
        Raises: when awaited, for good: EventTimeout, and StepFailed of TypeMismatch for a payload that does not fit;
        NotStorable at the call for an `as_` that has no stored form.
        """
        limit = None if timeout is None else checked_time("timeout", timeout)
        check_storable(as_, "as_")
        position = self._take("ctx.await_event")
        return EventCall(self._attempt, position, check_id("key", key), limit, as_)

    def emit_event(self, key: str, payload: Value = None, *, run_id: str | None = None) -> Call[bool]:
        """Emit an event to a run (this one, where none is named); true when it was the first with its key.

        Raises: RunNotFound when awaited.
        """
        position = self._take("ctx.emit_event")
        target = self.run_id if run_id is None else check_id("run_id", run_id)
        return EmitCall(self._attempt, position, check_id("key", key), payload, target)

    def sleep(self, duration: timedelta | float) -> Call[None]:
        """Wait for a time, at no cost; the end is fixed at the first call and survives restarts.

        Shape: a time below 0, as that to an instant that has passed, is over at once.
        """
        limit = checked_sleep("duration", duration)
        return SleepCall(self._attempt, self._take("ctx.sleep"), limit)

    def now(self) -> Call[datetime]:
        """The instant of the first execution, the same on every replay."""
        return NowCall(self._attempt, self._take("ctx.now"))

    def uuid(self) -> uuid.UUID:
        """A random UUID, the same on every replay."""
        return uuid.UUID(bytes=derived_seed(self._attempt, self._take("ctx.uuid"), "uuid")[:16], version=4)

    def random(self) -> Random:
        """A source of random numbers, the same on every replay."""
        return derived_random(derived_seed(self._attempt, self._take("ctx.random"), "random"))

    @overload
    def start(self, workflow: Workflow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Call[Child[R]]: ...

    @overload
    def start(self, workflow: str, /, *args: Value, **kwargs: Value) -> Call[Child[Value]]: ...

    def start(self, workflow: Value, /, *args: Value, **kwargs: Value) -> Call[Child[Value]]:
        """Start a child run, once; it is cancelled with this run.

        Shape: every argument is the workflow's own; `workflow.with_options(queue=…, tags=…)` says more. A workflow
        that is declared elsewhere only is started by its name, as with `app.start`.
        Raises: SettingInvalid at the call; InputError when awaited, for arguments that do not fit.
        """
        found = WorkflowByName(workflow) if isinstance(workflow, str) else checked_workflow(workflow)
        check_options_of_child(found.options)
        made = partial(Child[Value], self, found)
        return ChildCall(self._attempt, self._take("ctx.start"), found, args, kwargs, made)

    def on_cancel(self, function: Callable[[], Awaitable[object]]) -> None:
        """Call a function when the run is cancelled, the last registered first; it may use this context.

        What it does not end within the time that a cancel gives (5 s) is cut off.
        Raises: SettingInvalid where it can't be called without arguments, or is a generator function.
        """
        self._attempt.add_cleanup(checked_cleanup(function))

    def child_result(self, name: str, position: str, returns: Value) -> Call[Value]:
        """Wait for the child that was started at a position; see `Child.result`."""
        return ChildResult(self._attempt, self._take("child.result"), name, position, returns)

    def _take(self, what: str) -> str:
        branch = enter(what)
        if self._attempt.halt is not None and not branch.is_unresponsive:  # else its await pauses, and raises then
            branch.unwound += 1
            self._attempt.check()
        return branch.take()


class Child(Generic[R]):
    """A child run, as its parent holds it."""

    def __init__(
        self, context: Context, workflow: Workflow[..., R] | WorkflowByName, run_id: str, position: str
    ) -> None:
        self._context = context
        self._workflow = workflow
        self._position = position
        self.run_id = run_id

    def result(self) -> Call[R]:
        """Wait for the child's end, at no cost. Raises: ChildFailed when awaited."""
        return self._context.child_result(self._workflow.name, self._position, self._workflow.returns)


def current_step() -> StepInfo | None:
    """The step whose function is running, or None outside one.

    Shape: its run id, position, attempt, token and idempotency key.
    """
    branch = current_branch.get()
    return branch.step if branch else None

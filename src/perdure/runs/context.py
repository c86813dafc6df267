"""The context: what a workflow holds, and the only way to do what lasts."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Generic, NamedTuple, ParamSpec, TypedDict, TypeVar, TypeVarTuple, overload

from perdure.core.canonical import canonical_hash
from perdure.core.ids import Random, check_id, derived_random
from perdure.core.manifest import Outcome
from perdure.core.positions import child
from perdure.core.retry import Retry
from perdure.core.values import Value, check_storable, encode
from perdure.errors import SettingInvalid
from perdure.runs.branch import current_branch, enter
from perdure.runs.calls import Call
from perdure.runs.children import ChildCall, ChildResult
from perdure.runs.events import EmitCall, EventCall
from perdure.runs.gather import GatherCall, Item
from perdure.runs.options import DEFAULT, InDoubt, StepOptions, checked_text, checked_time
from perdure.runs.protocols import StepInfo
from perdure.runs.steps import ExtraOperations, StepCall
from perdure.runs.timers import NowCall, SleepCall

if TYPE_CHECKING:
    from typing import Unpack

    from perdure.runs.attempt import Attempt
    from perdure.runs.workflow import Workflow

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = logging.getLogger("perdure.workflow")


class StepKeywords(TypedDict, total=False):
    """The options of a step; see `Context.step`."""

    kind: str
    retry: Retry | None
    timeout: timedelta | float | None
    in_doubt: InDoubt | None
    read_only: bool
    idempotent: bool
    fingerprint: Value
    as_: Value


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
        encode(outcome, "outcome")  # what can't be stored is refused here, not at the end of the run
        self._attempt.outcome = outcome

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that names the run and the position, and is silent in replay."""
        branch = current_branch.get()
        if branch is None:
            position, replaying = "", False
        elif branch.step is not None:
            position, replaying = branch.step.position, False
        else:
            position = child(branch.prefix, branch.next_number)
            replaying = self._attempt.journal.went_past(branch.prefix, branch.next_number)
        return RunLog(_silent if replaying else log, {"run_id": self.run_id, "position": position})

    @overload
    def step(
        self, name: str, function: Callable[[*Ts], Awaitable[R]], *args: *Ts, **options: Unpack[StepKeywords]
    ) -> Call[R]: ...

    @overload
    def step(self, name: str, function: Callable[[*Ts], R], *args: *Ts, **options: Unpack[StepKeywords]) -> Call[R]: ...

    def step(self, name: str, function: Callable[..., Value], *args: Value, **options: Value) -> Call[Value]:
        """Run a function once, and never again once its outcome is committed.

        A synchronous function runs in a thread. The result comes back as the return annotation says (or `as_`), the
        first time and on every replay.
        Shape: `retry` how often an attempt that failed is repeated; `timeout` per attempt; `in_doubt` what happens
        when an attempt began and nobody saw its end: `retry` (default), `fail`, or `ask` a person; `read_only` and
        `idempotent` allow a repetition after a timeout; a `fingerprint` is compared on replay; `kind` is a label.
        Units: `timeout` is a timedelta, or seconds.
        Raises: StepFailed (StepTimedOut, StepInDoubt) when awaited, for good; SettingInvalid and WorkflowError at
        the call.
        """
        return self.step_with(name, function, args, StepOptions(**options) if options else DEFAULT)

    def step_with(
        self,
        name: str,
        function: Callable[..., Value],
        args: tuple[Value, ...],
        options: StepOptions,
        landing: ExtraOperations | None = None,
    ) -> StepCall[Value]:
        """For rooms above: a step that lands more than its result (`landing`, see `perdure.runs.steps`)."""
        checked_text("name", name)
        return StepCall(self._attempt, self._take("ctx.step"), name, function, args, options, landing)

    def gather(self, *items: Item) -> Call[list[Value]]:
        """Run async functions without parameters, or calls of this context, side by side; results in order.

        Raises: the failure at the lowest position, when every one has settled; SettingInvalid at the call.
        """
        for item in items:
            if not (isinstance(item, Call) or callable(item)):
                raise SettingInvalid("gather", f"an async function or a call of the context, not {item!r}")
        return GatherCall(self._attempt, self._take("ctx.gather"), "gather", items)

    def map(
        self, function: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int | None = None
    ) -> Call[list[R]]:
        """Run an async function for each item, at most `limit` at once; results in the items' order."""
        if limit is not None and limit < 1:
            raise SettingInvalid("limit", f"at least 1, not {limit}")
        position = self._take("ctx.map")
        return GatherCall(self._attempt, position, "map", [partial(function, item) for item in items], limit)

    @overload
    def await_event(self, key: str, *, timeout: timedelta | float | None = None, as_: type[T]) -> Call[T]: ...

    @overload
    def await_event(self, key: str, *, timeout: timedelta | float | None = None, as_: Value = None) -> Call[Value]: ...

    def await_event(self, key: str, *, timeout: timedelta | float | None = None, as_: Value = None) -> Call[Value]:
        """Wait for the event with this key, at no cost, for as long as it takes; its payload.

        Shape: the payload as `as_` says. An event that is there already is returned at once. The deadline is fixed
        at the first call and survives restarts.
        Raises: EventTimeout when awaited, for good; NotStorable at the call for an `as_` that has no stored form.
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
        return EmitCall(self._attempt, position, check_id("key", key), payload, run_id or self.run_id)

    def sleep(self, duration: timedelta | float) -> Call[None]:
        """Wait for a time, at no cost; the end is fixed at the first call and survives restarts."""
        limit = checked_time("duration", duration)
        return SleepCall(self._attempt, self._take("ctx.sleep"), limit)

    def now(self) -> Call[datetime]:
        """The instant of the first execution, the same on every replay."""
        return NowCall(self._attempt, self._take("ctx.now"))

    def uuid(self) -> uuid.UUID:
        """A random UUID, the same on every replay."""
        return uuid.UUID(bytes=_seed(self._attempt, self._take("ctx.uuid"), "uuid")[:16], version=4)

    def random(self) -> Random:
        """A source of random numbers, the same on every replay."""
        return derived_random(_seed(self._attempt, self._take("ctx.random"), "random"))

    async def start(self, workflow: Workflow[P, R], *args: P.args, **kwargs: P.kwargs) -> Child[R]:
        """Start a child run, once; it is cancelled with this run."""
        call = ChildCall(self._attempt, self._take("ctx.start"), workflow, args, kwargs)
        return Child(self, workflow, await call, call.position)

    def on_cancel(self, function: Callable[[], Awaitable[object]]) -> None:
        """Call a function when the run is cancelled, the last registered first; it may use this context.

        What it does not end within the time that a cancel gives (5 s) is cut off.
        """
        self._attempt.cleanups.append(function)

    def child_result(self, name: str, position: str, returns: Value) -> Call[Value]:
        """Wait for the child that was started at a position; see `Child.result`."""
        return ChildResult(self._attempt, self._take("child.result"), name, position, returns)

    def _take(self, what: str) -> str:
        branch = enter(what)
        if self._attempt.halt is not None and not branch.is_deaf:  # else its await pauses, and raises then
            branch.unwound += 1
            self._attempt.check()
        return branch.take()


class Child(Generic[R]):
    """A child run, as its parent holds it."""

    def __init__(self, context: Context, workflow: Workflow[..., R], run_id: str, position: str) -> None:
        self._context = context
        self._workflow = workflow
        self._position = position
        self.run_id = run_id

    def result(self) -> Call[R]:
        """Wait for the child's end, at no cost. Raises: ChildFailed when awaited."""
        return self._context.child_result(self._workflow.name, self._position, self._workflow.returns)


class RunLog(logging.LoggerAdapter[logging.Logger]):
    """Adds run and position to what the caller adds."""

    def process(self, msg: Value, kwargs: MutableMapping[str, Value]) -> tuple[Value, MutableMapping[str, Value]]:
        """Merge both."""
        return msg, {**kwargs, "extra": {**(self.extra or {}), **kwargs.get("extra", {})}}


# known to nobody but us: to configure logging would enable one that has a name
_silent = logging.Logger("perdure.workflow.replay")  # noqa: LOG001 - see above
_silent.disabled = True


class _Derived(NamedTuple):
    """A call that is made from the run's seed: it has a position, and no record."""

    position: str
    name: str
    kind: str = "derived"


def _seed(attempt: Attempt, position: str, name: str) -> bytes:
    attempt.visit(_Derived(position, name))
    return bytes.fromhex(canonical_hash([attempt.run.seed, position]))


def current_step() -> StepInfo | None:
    """The step whose function is running, or None outside one.

    Shape: its run id, position, attempt, token and idempotency key.
    """
    branch = current_branch.get()
    return branch.step if branch else None

"""A workflow that breaks the rules of replay, or that no longer agrees with its journal."""

from __future__ import annotations

from perdure.errors.base import PerdureError


class WorkflowError(PerdureError):
    """The workflow's code uses its context in a way that could not be replayed."""


class StepNotAwaited(WorkflowError):
    """A step handle was made and never awaited."""

    code = "step_not_awaited"

    def __init__(self, steps: tuple[str, ...]) -> None:
        super().__init__(f"never awaited: {', '.join(steps)}; await each step, or pass it to ctx.gather")
        self.steps = steps


class StepAwaitedTwice(WorkflowError):
    """A step handle was awaited a second time, or awaited and passed to a gather as well."""

    code = "step_awaited_twice"

    def __init__(self, step: str, position: str) -> None:
        super().__init__(f"{step!r} ({position}) is awaited a second time; keep what the first await gave")
        self.step, self.position = step, position


class ForeignTask(WorkflowError):
    """The context was used from a task that it did not start."""

    code = "foreign_task"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} from a task (or a loop, or a thread) that the context did not start; use ctx.gather or ctx.map "
            "instead of create_task, TaskGroup or asyncio.gather, and timeout= instead of asyncio.wait_for"
        )
        self.what = what


class StepNested(WorkflowError):
    """The context was used inside a step's function."""

    code = "step_nested"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} inside a step's function; a step is one unit, start the inner one in the workflow")
        self.what = what


class StepAborted(WorkflowError):
    """A step was cancelled by the workflow's own asyncio.timeout or Task.cancel."""

    code = "step_aborted"

    def __init__(self, step: str, position: str) -> None:
        super().__init__(f"step {step!r} ({position}) was cancelled from within the workflow; use ctx.step(timeout=…)")
        self.step, self.position = step, position


class TimeoutNotDurable(StepAborted):
    """A wait was awaited inside an asyncio.timeout, which a suspended run would forget."""

    code = "timeout_not_durable"

    def __init__(self, what: str, position: str) -> None:
        PerdureError.__init__(
            self,
            f"{what} ({position}) inside an asyncio.timeout (or wait_for, or another scope that cancels its task): "
            "it would not last while the run waits; use timeout= of the call, or wait for less",
        )
        self.step, self.position = what, position


class ReplayError(PerdureError):
    """The journal and the code disagree."""


class Divergence(ReplayError):
    """The code takes another path than the journal recorded; nothing more was executed."""

    code = "divergence"

    def __init__(self, position: str, expected: str, found: str) -> None:
        super().__init__(f"at {position}: the journal has {expected}, the code does {found}")
        self.position, self.expected, self.found = position, expected, found


class StepInputMismatch(Divergence):
    """A step's fingerprint is not the recorded one: its input changed."""

    code = "step_input_mismatch"


class TypeMismatch(Divergence):
    """A recorded value does not fit the type that the code has for it now."""

    code = "type_mismatch"

    def __init__(self, position: str, field: str, recorded: str, type_now: str, reason: str) -> None:
        PerdureError.__init__(
            self, f"at {position}: {field} was recorded as {recorded} and does not fit {type_now}: {reason}"
        )
        self.position, self.expected, self.found = position, recorded, type_now
        self.field, self.reason = field, reason


class RunParked(ReplayError):
    """The run is parked, and so is whoever waits for it here: the code of this process disagrees with its journal."""

    code = "run_parked"

    def __init__(self, run_id: str, parked_id: str, reason: str) -> None:
        who = f"run {run_id!r}" if parked_id == run_id else f"run {run_id!r} waits for run {parked_id!r}, which"
        super().__init__(
            f"{who} is parked: {reason}. It goes on, and repeats nothing, with code that does what it recorded; "
            f"see `perdure runs show {parked_id}`, or give it up with `perdure runs fail {parked_id}`"
        )
        self.run_id, self.parked_id, self.reason = run_id, parked_id, reason


class ThreadsExhausted(PerdureError):
    """No synchronous function can begin: too many calls that nobody waits for still run in threads."""

    code = "threads_exhausted"
    retryable = True

    def __init__(self, stuck: int) -> None:
        super().__init__(f"{stuck} synchronous calls still run after they were given up; end them from inside")
        self.stuck = stuck

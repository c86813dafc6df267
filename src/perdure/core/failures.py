"""A failure as data: what is stored, and what is raised from it, the first time and on every replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar, cast

import msgspec

from perdure.core.guarding import exact, guarded, is_of
from perdure.core.text import well_formed, well_formed_data
from perdure.core.values import Value, encode
from perdure.errors import (
    ConfigurationError,
    InputError,
    OutcomeError,
    PerdureError,
    StepFailed,
    StepInDoubt,
    StepTimedOut,
    WorkflowError,
)
from perdure.errors.outcomes import qualified

T = TypeVar("T")

_MESSAGE_CHARS = 8192
_DATA_BYTES = 64 * 1024
_OWN = {StepTimedOut.code, StepInDoubt.code}  # what perdure itself says of a step, and not its function

# read by the field itself: a metaclass, a property or a `__getattribute__` of the user's has no say
_NAME: Callable[[type], str] = vars(type)["__name__"].__get__
_MRO: Callable[[type], tuple[type, ...]] = vars(type)["__mro__"].__get__
_CAUSE: Callable[[BaseException], BaseException | None] = vars(BaseException)["__cause__"].__get__
_CONTEXT: Callable[[BaseException], BaseException | None] = vars(BaseException)["__context__"].__get__


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why something failed.

    Shape: `reason` is `error`, or what perdure itself decided: `timeout`, `in_doubt`, `poisoned`, `diverged`,
    `not_storable`; `positions` are the steps whose failure this is, so that a restart can reopen them, `step` is the
    name of the first, and `attempts` how often it was tried. `causes` are the names, with their modules, of the class
    that was raised and of those above. `data` is what `RunFailed`, `StepFailed` and `ChildFailed` give back: the typed
    fields of an error of perdure by name (a model's `status`, `retry_after` and `detail`), the `data` of any other.
    `settled` are those of the positions on whose failure the run's code has acted: after them it has recorded more,
    so that a restart leaves them as they are. `failed` stands in the last failure of a step that has not ended: how
    many of its attempts count against its retry policy. An attempt that was interrupted is none of them.
    """

    cause_type: str
    message: str
    reason: str = "error"
    code: str = ""
    data: Value = None
    positions: tuple[str, ...] = ()
    step: str = ""
    attempts: int = 0
    causes: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    failed: int | None = None


def failure_of(error: BaseException, reason: str = "error") -> Failure:
    """What is stored of an exception: its class's name, message, code and, where they can be stored, its fields.

    Shape: what the exception's own code does not give (its text, its notes, its data) is named in the message.
    """
    return guarded(partial(_described, error, reason), partial(undescribed, error, reason))


def undescribed(error: BaseException, reason: str, another: BaseException) -> Failure:
    """What is stored of an exception whose own code raised another one where it was to be described."""
    message = f"it can't be described: that raised {class_name(another)}"
    return Failure(cause_type=class_name(error), message=message, reason=reason, causes=_causes(error))


def class_name(error: BaseException) -> str:
    """The name of its class."""
    return _text(_NAME(type(error)))


def _described(error: BaseException, reason: str) -> Failure:
    missing = list[str]()
    cause_type, message, causes = class_name(error), _message(error, missing), _causes(error)
    code = guarded(lambda: _code_of(error), partial(_note, missing, "code", ""))
    if is_of(error, StepFailed):  # the run failed of what the step's function raised
        cause_type, message, causes = error.cause_type, error.message, error.causes
        code = error.cause_code or (code if code in _OWN else "")
    data = guarded(lambda: _data_of(error), partial(_note, missing, "data", None))
    failed = failed_step(error)
    return Failure(
        cause_type=_text(cause_type),
        message=_text("; ".join((_text(message), *missing))),
        reason=reason,
        code=code,
        data=data,
        positions=failed_positions(error),
        step=_text(failed.step) if failed is not None else "",
        attempts=int(failed.attempts) if failed is not None else 0,
        causes=tuple(map(_text, causes)),
    )


def _code_of(error: BaseException) -> str:
    """The code of an error of perdure's, or of a class that a user has made of one: there it may be a number."""
    code: Value = error.code if is_of(error, PerdureError) else ""
    return _text(code if isinstance(code, str) else str(code))


def _note(missing: list[str], what: str, instead: T, another: Exception) -> T:
    missing.append(f"its {what} can't be had: {class_name(another)}")
    return instead


def is_expected(error: BaseException) -> bool:
    """Whether an error says all that there is to say: one that somebody foresaw, so that its traceback tells no more.

    Shape: a model's, a tool's, a timeout, what user code raises as TerminalError; not a mistake in a workflow's code,
    nor what is no error of perdure.
    """
    if is_of(error, StepFailed) and not is_of(error, StepTimedOut, StepInDoubt):
        cause = error.__cause__
        return bool(error.cause_code) if cause is None else is_expected(cause)
    return is_of(error, PerdureError) and not is_of(error, WorkflowError, ConfigurationError)


def _message(error: BaseException, missing: list[str]) -> str:
    """What an exception says, with what was noted on it; of a group, what each says that is inside."""
    said = guarded(lambda: exact(str(error)), _unsaid)
    notes = guarded(lambda: _notes(error), partial(_note, missing, "notes", tuple[str, ...]()))
    inner = [(class_name(one), _message(one, missing)) for one in _inside(error)]
    said = "\n".join((said, *notes))
    return f"{said}: [{'; '.join(f'{name}: {text}' if text else name for name, text in inner)}]" if inner else said


def _unsaid(another: Exception) -> str:
    return f"(its text can't be had: {class_name(another)})"


def _notes(error: BaseException) -> tuple[str, ...]:
    return tuple(exact(note) for note in getattr(error, "__notes__", ()))


def _causes(error: BaseException) -> tuple[str, ...]:
    return tuple(_text(qualified(kind)) for kind in _MRO(type(error)) if issubclass(kind, BaseException))


def failed_step(error: BaseException) -> StepFailed | None:
    """The failed step that is first among those whose failure an exception is."""
    first = failed_positions(error)[:1]
    within = _within(error, set())
    return next((one for one in within if is_of(one, StepFailed) and one.position in first), None)


def failed_positions(error: BaseException) -> tuple[str, ...]:
    """The positions of the failed steps in an exception and in what it was raised from."""
    return _positions(error, set())


def _positions(error: BaseException, seen: set[int]) -> tuple[str, ...]:
    for current in _chain(error, seen):
        own: tuple[str, ...] = getattr(current, "positions", ()) if is_of(current, OutcomeError) else ()
        inner = (position for one in _inside(current) for position in _positions(one, seen))
        marked: tuple[str, ...] = guarded(lambda: vars(current).get("_perdure_positions", ()), lambda _: ())  # noqa: B023 - called at once
        positions = tuple(dict.fromkeys((*own, *inner, *marked)))
        if positions:
            return positions  # what was handled before this one was raised stays handled
    return ()


def _within(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """Its chain, and those of what is inside of groups."""
    for current in _chain(error, seen):
        yield current
        for one in _inside(current):
            yield from _within(one, seen)


def _chain(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """An exception and those that it was raised from, or while handling.

    Each once: what was taken out of a group and raised has the group as its context.
    """
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        cause: BaseException | None = _CAUSE(current)
        current = cause if cause is not None else _CONTEXT(current)


def _inside(error: BaseException) -> tuple[BaseException, ...]:
    if is_of(error, BaseExceptionGroup):
        return error.exceptions
    return ()


def mark_positions(error: BaseException, positions: tuple[str, ...]) -> None:
    """Remember with an exception which failed steps it stands for: those of a gather, of which it is the first."""
    guarded(lambda: vars(error).update(_perdure_positions=positions), lambda _: None)  # else it stands for itself


def step_error(name: str, position: str, failure: Failure, attempts: int) -> StepFailed:
    """The exception of a step's final failure."""
    kind = OF_STEPS.get(failure.reason, StepFailed)
    return kind(
        name,
        position,
        failure.cause_type,
        failure.message,
        failure.data,
        attempts,
        failure.code,
        causes=failure.causes,
    )


OF_STEPS: dict[str, type[StepFailed]] = {"timeout": StepTimedOut, "in_doubt": StepInDoubt}
"""What a step's failure is raised as, by its reason; any other as StepFailed."""


def _text(message: str) -> str:
    # a message is a description, never a reason to fail again: text is mended, length is bounded
    return well_formed(exact(message))[:_MESSAGE_CHARS]


def _data_of(error: BaseException) -> Value:
    if not is_of(error, PerdureError) or is_of(error, StepFailed):
        return _stored(getattr(error, "data", None))
    if hasattr(error, "data") and not is_of(error, OutcomeError):
        return _stored(cast("Value", error).data)  # a class of the user's says itself what is kept
    fields, room = dict[str, Value](), _DATA_BYTES
    for name, value in vars(error).items():
        if not name.startswith("_") and name != "positions":
            fields[name] = kept = _stored(value, room)
            room -= len(msgspec.json.encode(kept))
    return fields if any(value is not None for value in fields.values()) else None


def _stored(value: Value, limit: int = _DATA_BYTES) -> Value:
    """A value as it will be read, or None where it can't be kept: to describe a failure is no reason to fail again."""
    try:
        return msgspec.json.decode(encode(well_formed_data(value), "error.data", limit))
    except (InputError, RecursionError):
        return None

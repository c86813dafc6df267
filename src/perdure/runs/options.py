"""What can be said of a step, checked at the call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from math import isfinite
from typing import Literal, TypedDict, cast

from perdure.core.annotations import called, name_of, yields
from perdure.core.canonical import canonical_hash
from perdure.core.clock import seconds
from perdure.core.given import in_words
from perdure.core.ids import check_id
from perdure.core.records import StepKind
from perdure.core.retry import ONCE, Retry
from perdure.core.values import Value
from perdure.errors import InputError, SettingInvalid

MAX_SECONDS = 1e10  # three centuries
InDoubt = Literal["retry", "fail", "ask"]


class StepKeywords(TypedDict, total=False):
    """The options of a step; see `Context.step`."""

    kind: str
    retry: Retry | int | None
    timeout: timedelta | float | None
    in_doubt: InDoubt | None
    read_only: bool
    idempotent: bool
    fingerprint: Value


class StepOptions:
    """The options of one step; see `Context.step`."""

    __slots__ = ("as_", "fingerprint", "in_doubt", "kind", "repeatable", "retry", "timeout")

    def __init__(
        self,
        *,
        kind: StepKind | str = "logic",
        retry: Retry | int | None = None,
        timeout: timedelta | float | None = None,
        in_doubt: InDoubt | None = None,
        read_only: bool = False,
        idempotent: bool = False,
        fingerprint: Value = None,
        as_: Value = None,
    ) -> None:
        """Raises: SettingInvalid; NotStorable for a fingerprint without a canonical form."""
        if in_doubt not in {None, "retry", "fail", "ask"}:
            raise SettingInvalid("in_doubt", f"one of retry, fail, ask, not {in_doubt!r}")
        self.kind = checked_text("kind", kind)
        self.retry = checked_retry("retry", retry)
        self.timeout = None if timeout is None else checked_timeout("timeout", timeout)
        self.in_doubt: InDoubt = in_doubt or "retry"
        # an attempt in doubt is repeated by a retry only where somebody has said that this does no harm
        self.repeatable = read_only or idempotent or in_doubt == "retry"
        self.fingerprint = None if fingerprint is None else canonical_hash(fingerprint, "fingerprint")
        self.as_ = as_


_NAMES = tuple(inspect.signature(StepOptions).parameters)


def step_options(given: Mapping[str, Value]) -> StepOptions:
    """The options of a step from the keywords of a call. Raises: SettingInvalid, also for one that there is not."""
    for name in given:
        if name not in _NAMES:
            known = ", ".join((*_NAMES, "kwargs"))
            reason = (
                f"a step has no such option; it has: {known}. What the function takes by name goes into kwargs={{…}}"
            )
            raise SettingInvalid(name, reason)
    return StepOptions(**given)


def checked_function(name: object, function: object) -> Callable[..., Value]:
    """What a step is to call. Raises: SettingInvalid, with what was probably meant."""
    if isinstance(name, str) and callable(function):
        return function  # as nearly all are
    if not isinstance(name, str) and callable(name):
        own = name_of(name)
        raise SettingInvalid("name", f"a step has a name before its function: ctx.step({own!r}, {own}, …)")
    if of := called(function):
        raise SettingInvalid("function", f"a coroutine; pass the function uncalled, its arguments after it: {of}, …")
    if not callable(function):
        made = "; await it in the workflow, or pass the function that makes it" if inspect.isawaitable(function) else ""
        reason = getattr(function, "not_a_step", None) or f"a function, not {function!r}{made}"
        raise SettingInvalid("function", reason)
    return function


def checked_cleanup(function: object) -> Callable[[], Value]:
    """What is to be called when a run is cancelled. Raises: SettingInvalid."""
    if not callable(function):
        hint = "; pass the function uncalled" if called(function) else ""
        raise SettingInvalid("on_cancel", f"an async function without parameters, not {function!r}{hint}")
    if yields(function):
        raise SettingInvalid("on_cancel", f"an async function, and {name_of(function)} is a generator function")
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        hint = "bind its arguments: functools.partial(…)"
        raise SettingInvalid(
            "on_cancel", f"{name_of(function)} can't be called without arguments: {error}; {hint}"
        ) from None
    except ValueError:  # what is built in may have no signature that can be read
        pass
    return function


def with_keywords(function: Callable[..., Value], args: tuple[Value, ...], kwargs: object) -> Callable[..., Value]:
    """The function with its keyword arguments bound. Raises: SettingInvalid; InputError where they do not fit."""
    if not isinstance(kwargs, Mapping) or not all(
        isinstance(name, str) for name in cast("Mapping[object, Value]", kwargs)
    ):
        raise SettingInvalid("kwargs", f"a mapping of parameter names to arguments, not {kwargs!r}")
    named = dict(cast("Mapping[str, Value]", kwargs))
    try:
        inspect.signature(function).bind(*args, **named)
    except TypeError as error:
        raise InputError("kwargs", f"{name_of(function)}: {error}") from None
    except ValueError:  # what is built in may have no signature that can be read
        pass
    return partial(function, **named)


def checked_retry(field: str, retry: object) -> Retry:
    """How often a step is tried: a policy, or a number of attempts. Raises: SettingInvalid."""
    if retry is None:
        return ONCE
    if isinstance(retry, int) and not isinstance(retry, bool):
        return Retry(attempts=retry)
    if not isinstance(retry, Retry):
        raise SettingInvalid(field, f"a perdure.Retry or a number of attempts, not {retry!r}")
    return retry


def checked_text(field: str, text: object) -> str:
    """A text that every store can keep. Raises: SettingInvalid."""
    if not isinstance(text, str):
        raise SettingInvalid(field, f"a text, not {text!r}")
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        raise SettingInvalid(field, "the text holds a lone surrogate") from None
    return text


def checked_number(field: str, number: object, *, least: int) -> int:
    """A whole number. Raises: SettingInvalid."""
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise SettingInvalid(field, f"a whole number of at least {least}, not {in_words(number)}")
    return number


def checked_queues(queues: object) -> dict[str, int | None]:
    """How many runs of each queue may run at once. Raises: SettingInvalid, IdInvalid."""
    if not isinstance(queues, Mapping):
        raise SettingInvalid("queues", f"a dict of queues to how many runs at once, or None, not {in_words(queues)}")
    limits = cast("Mapping[object, object]", queues)
    return {
        check_id("queues", name): None if limit is None else checked_number(f"queues[{name!r}]", limit, least=1)
        for name, limit in limits.items()
    }


def checked_time(field: str, value: object) -> float:
    """A time to wait in seconds. Raises: SettingInvalid where it is below 0, or no instant is so far away."""
    time = seconds(value, field)
    if not (isfinite(time) and 0 <= time <= MAX_SECONDS):
        raise SettingInvalid(field, f"a finite time from 0 to {MAX_SECONDS:,.0f} s, not {value}")
    return time


def checked_sleep(field: str, value: object) -> float:
    """As `checked_time`; the time to an instant that has passed is no time at all. Raises: SettingInvalid."""
    time = seconds(value, field)
    return 0.0 if isfinite(time) and time < 0 else checked_time(field, value)


def checked_timeout(field: str, value: object) -> float:
    """How long something may take, in seconds. Raises: SettingInvalid."""
    timeout = seconds(value, field)
    if not (isfinite(timeout) and timeout > 0):
        raise SettingInvalid(field, f"a finite time above 0, not {value}")
    return timeout


DEFAULT = StepOptions()

"""Tools: plain typed functions that a model may call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal, get_args, get_origin, overload

import msgspec

from perdure.agents.parameters import Parameters
from perdure.agents.schema import check_shape, describe
from perdure.core.annotations import first_parameter, is_async, name_of
from perdure.core.given import in_words
from perdure.core.retry import Retry
from perdure.core.values import Value
from perdure.errors import AnnotationUnresolved, SettingInvalid
from perdure.models.protocol import ToolSpec
from perdure.runs.options import StepOptions, checked_text

InDoubt = Literal["retry", "tell", "fail", "ask"]
_IN_DOUBT: tuple[str, ...] = get_args(InDoubt)


class ToolContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool may know of its call; it asks by its first parameter's annotation.

    Shape: `idempotency_key` is the same for each attempt, retry and takeover of this call, so that an outside
    service can refuse a second one; `token` grows with every takeover, so that one can fence; `attempt` is from 1.
    """

    thread_id: str
    run_id: str
    call_id: str
    idempotency_key: str
    token: int
    attempt: int
    metadata: dict[str, Value] = {}


class Tool:
    """A function as a tool; made by `tool`, or by an agent from a plain function."""

    def __init__(
        self,
        function: Callable[..., Value],
        *,
        name: str | None = None,
        description: str | None = None,
        read_only: bool = False,
        idempotent: bool = False,
        in_doubt: InDoubt | None = None,
        timeout: timedelta | float | None = None,
        retry: Retry | None = None,
    ) -> None:
        """Raises: ToolSignatureInvalid; SettingInvalid."""
        checked_function("tool", function)
        if in_doubt is not None and in_doubt not in _IN_DOUBT:
            raise SettingInvalid("in_doubt", f"one of {', '.join(_IN_DOUBT)}, not {in_words(in_doubt)}")
        for field, flag in (("read_only", read_only), ("idempotent", idempotent)):
            if not isinstance(flag, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - users
                raise SettingInvalid(field, f"True or False, not {in_words(flag)}")
        self.function = function
        self.name = name_of(function) if name is None else checked_text("name", name)
        said = None if description is None else checked_text("description", description)
        check_shape(self.name, function)
        self.is_async = is_async(function)
        self.takes_context = takes_context(function)
        self.parameters = Parameters(self.name, function, ToolContext, skip=int(self.takes_context))
        self.in_doubt: InDoubt = in_doubt or ("retry" if read_only or idempotent else "tell")
        self.options = StepOptions(
            kind="tool",
            retry=retry,
            timeout=timeout,
            in_doubt="fail" if self.in_doubt in {"tell", "fail"} else self.in_doubt,  # pyright: ignore[reportArgumentType] - retry or ask
            read_only=read_only,
            idempotent=idempotent,
        )
        self.spec: ToolSpec = describe(self.name, self.function, self.parameters, said)

    def bind(self, arguments: str) -> dict[str, Value]:
        """The function's arguments from the text that a model wrote. Raises: ToolInputInvalid."""
        return self.parameters.bind(arguments)


def takes_context(function: Callable[..., Value]) -> bool:
    """Whether a function's first parameter is a ToolContext, under whatever name its module has that."""
    try:
        annotation = first_parameter(function)
    except AnnotationUnresolved:
        return False  # its parameters are refused with what can't be resolved
    inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return inner is ToolContext


@overload
def tool(function: Callable[..., object]) -> Tool: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    read_only: bool = False,
    idempotent: bool = False,
    in_doubt: InDoubt | None = None,
    timeout: timedelta | float | None = None,
    retry: Retry | None = None,
) -> Callable[[Callable[..., object]], Tool]: ...


def tool(function: Callable[..., Value] | None = None, **options: Value) -> Value:
    """Make a function a tool, with what should be known of its effect.

    Shape: `read_only` and `idempotent` (it passes on `ToolContext.idempotency_key`) allow it to run again; any other
    tool never runs twice in silence. `in_doubt` says what happens when a call began and nobody saw its end: `retry`
    (the default of a read-only or idempotent tool), `tell` the model (of any other), `fail` the turn, or `ask` a
    person. `retry` repeats a call that failed.
    Units: `timeout` is a timedelta, or seconds.
    Raises: ToolSignatureInvalid where the signature can't be described to a model.
    """
    for given in options:
        if given not in _OPTIONS:
            raise SettingInvalid(given, f"a tool has no such option; it has: {', '.join(_OPTIONS)}")

    def make(inner: Callable[..., Value]) -> Tool:
        return Tool(inner, **options)

    return make if function is None else make(function)


_OPTIONS = tuple(inspect.signature(Tool).parameters)[1:]


def checked_function(field: str, function: object) -> Callable[..., Value]:
    """Raises: SettingInvalid for what is no function."""
    if isinstance(function, Tool):
        raise SettingInvalid(field, f"{function.name!r} is a tool already")
    if not callable(function):
        raise SettingInvalid(field, f"a function, not {in_words(function)}")
    return function

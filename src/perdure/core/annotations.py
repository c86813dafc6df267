"""What a function's annotations say about the values that go in and come out."""

from __future__ import annotations

import functools
import inspect
import typing
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from types import FunctionType
from typing import NamedTuple, cast
from weakref import WeakKeyDictionary

import msgspec

from perdure.core.guarding import said
from perdure.core.values import (
    Decoder,
    LossCheck,
    Obstacle,
    Value,
    convert,
    decode_strict,
    decoder,
    encode,
    form_of,
    loss_check,
    obstacle,
)
from perdure.errors import AnnotationUnresolved, InputError, NotStorable


def unwrap(function: Callable[..., Value]) -> Value:
    """The function under partials, bound methods, caches and callable objects; a class is one itself."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif _is_class(function):
            return function
        elif hasattr(type(function).__call__, "__code__"):  # an object of a class with a method of its own for it
            return type(function).__call__
        elif hasattr(function, "__func__"):
            function = cast("Value", function).__func__
        elif hasattr(function, "__wrapped__") and not hasattr(function, "__code__"):  # functools.cache, say
            function = cast("Value", function).__wrapped__
        else:
            return function


def _is_class(function: object) -> bool:
    """Whether it is a class, or a generic one with its arguments, as `list[int]` is."""
    return isinstance(function, type) or isinstance(typing.get_origin(function), type)


def return_type(function: Callable[..., Value]) -> Value:
    """The return annotation, resolved; of a class the class; Value where there is none.

    Shape: what a synchronous function returns as an awaitable is awaited, so it is the type of that.
    Raises: AnnotationUnresolved.
    """
    inner = unwrap(function)
    if _is_class(inner):
        return inner
    if "return" not in getattr(inner, "__annotations__", ()):
        return Value
    returns = _hints(inner).get("return", Value)
    origin = typing.get_origin(returns) or returns
    if isinstance(origin, type) and issubclass(origin, Awaitable) and not inspect.iscoroutinefunction(inner):
        return (typing.get_args(returns) or (Value,))[-1]
    return returns


def yields(function: Callable[..., Value]) -> bool:
    """Whether calling the function gives a generator, of which nothing would be kept."""
    inner = unwrap(function)
    is_awaitable = inspect.isfunction(inner) and inner.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE
    return inspect.isasyncgenfunction(inner) or (inspect.isgeneratorfunction(inner) and not is_awaitable)


def first_parameter(function: Callable[..., Value]) -> Value:
    """The annotation of the first parameter that can be given by position, Value without one; None where there is none.

    Raises: AnnotationUnresolved.
    """
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD}:
            break
        return _hints(unwrap(function)).get(parameter.name, Value)
    return None


class Facts(NamedTuple):
    """What a step needs to know of its function.

    Shape: how its value is decoded, or the obstacle where it has no stored form; `loss` is the check of a value whose
    type may lose something.
    """

    decoder: Decoder
    is_async: bool
    obstacle: Obstacle | None
    loss: LossCheck | None


_YIELDS = "{} is a generator function, and a step has one result; return a list of what it yields"

_known: WeakKeyDictionary[Value, Facts] = WeakKeyDictionary()


def facts_of(function: Callable[..., Value], as_: Value = None) -> Facts:
    """The facts of a function, found out once; with `as_` in the place of its return annotation where that is given.

    Raises: AnnotationUnresolved.
    """
    if as_ is not None:
        return _facts(as_, function)
    inner = function if type(function) is FunctionType else unwrap(function)
    try:
        return _known.get(inner) or _known.setdefault(inner, _found(inner))
    except TypeError:  # what is built in can't be referred to weakly
        return _found(inner)


def _found(inner: Value) -> Facts:
    return _facts(return_type(inner), inner)


def _facts(returns: Value, function: Callable[..., Value]) -> Facts:
    found = Obstacle("", _YIELDS.format(name_of(function))) if yields(function) else obstacle(returns)
    kept = Value if found else returns
    return Facts(decoder(kept), is_async(function), found, loss_check(kept))


def is_async(function: Callable[..., Value]) -> bool:
    """Whether calling the function gives a coroutine."""
    return inspect.iscoroutinefunction(unwrap(function))


_Cached = type(functools.cache(len))


def is_cached(function: Callable[..., Value] | None) -> bool:
    """Whether an async function is behind `functools.cache`: its second call gives the coroutine of the first again."""
    while function is not None and not isinstance(function, _Cached):
        inner: Callable[..., Value] | None = getattr(function, "__wrapped__", None)
        function = cast("functools.partial[Value]", function).func if isinstance(function, functools.partial) else inner
    return function is not None


def name_of(function: Callable[..., Value]) -> str:
    """The function's own name; of an object that can be called, its class's."""
    inner = unwrap(function)
    name = getattr(inner, "__name__", type(inner).__name__)
    return str(inner.__qualname__.split(".")[-2] if name == "__call__" else name)


def called(given: object) -> str:
    """The function's name where a coroutine was given in its place, else nothing.

    The coroutine is closed: it will never be awaited, and its caller is told so.
    """
    if not inspect.iscoroutine(given):
        return ""
    given.close()
    return given.__name__


@functools.lru_cache(maxsize=1024)
def _hints(function: Value) -> Mapping[str, Value]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # an annotation that is text is code of the user's, and may raise anything
        raise AnnotationUnresolved(getattr(function, "__qualname__", repr(function)), said(error)) from None


class Arguments:
    """How a function's arguments are written down as one JSON object and come back with the annotated types."""

    def __init__(self, function: Callable[..., Value], *, skip: int = 0) -> None:
        """Shape: the first `skip` parameters (a context) are not arguments.

        Raises: AnnotationUnresolved.
        """
        self.parameters = tuple(inspect.signature(function).parameters.values())[skip:]
        hints = _hints(unwrap(function))
        self.types = tuple(hints.get(parameter.name, Value) for parameter in self.parameters)
        self._obstacles: dict[str, Obstacle] = {}
        self._losses: dict[str, LossCheck] = {}
        fields = [self._field(parameter, kind) for parameter, kind in zip(self.parameters, self.types, strict=True)]
        self.struct = msgspec.defstruct(name_of(function), fields, kw_only=True, forbid_unknown_fields=True)
        self._signature = inspect.Signature(self.parameters)
        self._names = tuple(parameter.name for parameter in self.parameters)
        self._required = {name for name, kind in zip(self._names, self.parameters, strict=True) if _is_required(kind)}
        self._is_plain = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in self.parameters)

    def encode(self, args: tuple[Value, ...], kwargs: dict[str, Value]) -> bytes:
        """The arguments of one call as a JSON object.

        Raises: InputError where they do not fit the signature or an annotation; NotStorable with the path.
        """
        self._check_types()
        given = self._bound(args, kwargs)
        data = encode(given, "arguments")
        back = decode_strict(data, self.struct, "arguments")
        for name, loss in self._losses.items():
            if name in given:
                loss.compare(given[name], getattr(back, name), f"arguments.{name}")
        return data

    def _check_types(self) -> None:
        for name, found in self._obstacles.items():
            raise NotStorable(f"arguments.{name}{found.path}", found.reason)

    def _field(self, parameter: inspect.Parameter, kind: Value) -> tuple[str, Value, Value] | tuple[str, Value]:
        found = obstacle(kind)
        if found is not None:
            self._obstacles[parameter.name] = found  # told at the call: the function may still be called otherwise
            kind = Value
        whole = _of_all(parameter, form_of(kind))
        loss = loss_check(whole)
        if loss is not None:
            self._losses[parameter.name] = loss
        return (parameter.name, whole) if _is_required(parameter) else (parameter.name, _or_unset(whole), msgspec.UNSET)

    def _bound(self, args: tuple[Value, ...], kwargs: dict[str, Value]) -> dict[str, Value]:
        if self._is_plain and not kwargs and len(args) <= len(self._names):
            given = dict(zip(self._names, args, strict=False))
            if self._required <= given.keys():
                return given  # as nearly all are; to bind them takes twenty times as long
        try:
            return self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise InputError("arguments", str(error)) from None

    def restore(self, stored: Value) -> tuple[tuple[Value, ...], dict[str, Value]]:
        """Plain data as positional and keyword arguments.

        Raises: InputError where the data does not fit.
        """
        self._check_types()
        given = convert(stored, self.struct, "arguments")
        if self._is_plain:
            named = {name: getattr(given, name) for name in self._names}
            return (), {name: value for name, value in named.items() if value is not msgspec.UNSET}
        bound = inspect.BoundArguments(self._signature, OrderedDict())
        for parameter in self.parameters:
            value = getattr(given, parameter.name)
            if value is not msgspec.UNSET:
                bound.arguments[parameter.name] = value
        return bound.args, bound.kwargs


def _is_required(parameter: inspect.Parameter) -> bool:
    variadic = parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    return parameter.default is parameter.empty and not variadic


def _of_all(parameter: inspect.Parameter, kind: Value) -> Value:
    """The type of all that a parameter takes."""
    if parameter.kind is parameter.VAR_POSITIONAL:
        return tuple[kind, ...]
    return dict[str, kind] if parameter.kind is parameter.VAR_KEYWORD else kind


def _or_unset(kind: Value) -> Value:
    return kind if kind is Value else kind | msgspec.UnsetType

"""Code of the user's that runs inside of ours: what it raises is told to whom it concerns, and goes no further.

Perdure describes errors, compares and encodes values, and asks policies and observers. Each of these calls what a
user may have written: `__str__`, a property, `__eq__`, `__post_init__`, a serializer, a predicate. Exceptions of such
code are handled where it is called. What is no Exception may have been raised by a signal handler that ran meanwhile;
core knows no signals, so `runs.interrupts` tells that, and handles the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard, TypeVar

T = TypeVar("T")
U = TypeVar("U")
E = TypeVar("E", bound=BaseException)


def guarded(ask: Callable[[], T], otherwise: Callable[[Exception], U]) -> T | U:
    """What the call gives, or what is made of the exception that it raises."""
    try:
        return ask()
    except Exception as error:
        return otherwise(error)


def is_of(error: BaseException, *kinds: type[E]) -> TypeGuard[E]:
    """Whether an exception is of a class: its real one, so that no `__class__` of the user's is asked."""
    return issubclass(type(error), kinds)


def exact(text: str) -> str:
    """A text without the class of the user's that it may have: its methods are asked no more."""
    return text if type(text) is str else str.__str__(text)


def said(error: BaseException) -> str:
    """An exception in one line, by its class's name and what it says, where it says something."""
    name = guarded(lambda: exact(type(error).__name__), lambda _: "an exception")
    text = guarded(lambda: exact(str(error)), lambda _: "")
    return f"{name}: {text}" if text else name

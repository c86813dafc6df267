"""Whose exception it is: the user's code raised it, or it only came by there.

SystemExit and KeyboardInterrupt may be raised by a step's function, and are its failure then, like everything that it
raises. They may also be raised by a signal handler while that function happens to run, and must end the program then.
The handler's frame in the traceback tells the two apart; Python's own handler for Ctrl-C has no frame, so there the
innermost one tells whether it stands at a `raise`.
"""

from __future__ import annotations

import asyncio
import dis
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, TypeVar

from perdure.core.guarding import is_of
from perdure.core.values import Value
from perdure.runs.halting import Carried

if TYPE_CHECKING:
    from perdure.runs.branch import Branch

T = TypeVar("T")
U = TypeVar("U")

_RAISES = {dis.opmap["RAISE_VARARGS"], dis.opmap["RERAISE"]}


def is_of_user_code(error: BaseException, branch: Branch) -> bool:
    """Whether what came out of user code is its own failure."""
    if is_of(error, GeneratorExit):  # a coroutine that is closed: no task drives it any more
        return branch.loop is not None and asyncio.current_task(branch.loop) is branch.task
    return not is_of_signal(error)


def is_of_signal(error: BaseException) -> bool:
    """Whether a signal handler raised it."""
    if not is_of(error, SystemExit, KeyboardInterrupt):
        return False
    if threading.current_thread() is not threading.main_thread():
        return False  # handlers run in the main thread
    frames = list(_frames(error.__traceback__))
    handlers = {code for number in signal.valid_signals() if (code := _code(signal.getsignal(number)))}
    if any(frame.tb_frame.f_code in handlers for frame in frames):
        return True
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return is_of(error, KeyboardInterrupt) and is_default and not _raises(frames[-1])


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _code(handler: object) -> CodeType | None:
    while isinstance(handler, partial):
        handler = handler.func
    handler = getattr(handler, "__func__", handler)
    code = getattr(handler, "__code__", None)
    if code is None and callable(handler):  # an object of a class with a method of its own for it
        code = getattr(type(handler).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _raises(frame: TracebackType) -> bool:
    return frame.tb_frame.f_code.co_code[frame.tb_lasti] in _RAISES


def shielded(ask: Callable[[], T], otherwise: Callable[[BaseException], U]) -> T | U:
    """What the call gives, or what is made of anything that code of the user's raises in it.

    Shape: for calls that await nothing: what is no Exception is the code's own then, or a signal's, which passes.
    """
    try:
        return ask()
    except BaseException as error:
        if is_of_signal(error):
            raise
        return otherwise(error)


async def carrying(work: Callable[[], Awaitable[Value]]) -> Value:
    """Await a branch's work; an exit that user code raises is carried past the loop, which would end by it."""
    try:
        return await work()
    except (SystemExit, KeyboardInterrupt) as error:
        if is_of_signal(error):
            raise
        raise Carried(error) from None

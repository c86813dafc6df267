"""The keyboard while an answer is drawn: Ctrl-C is news, and what is typed is not echoed into the drawing."""

from __future__ import annotations

import signal
import sys
import termios
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

_LOCAL_MODES = 3


@contextmanager
def interrupts(tell: Callable[[], None]) -> Generator[None]:
    """Call back at Ctrl-C, so that it never tears what is being drawn."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's signature
        tell()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def no_echo() -> Generator[None]:
    """What is typed meanwhile is kept for the next prompt, unseen. A shell undoes this after a kill."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    silent = list(before)
    silent[_LOCAL_MODES] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

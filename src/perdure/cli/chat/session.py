"""A conversation: what was said, what goes on where it was, and what is said next."""

from __future__ import annotations

import importlib
import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.rule import Rule
from rich.text import Text

from perdure.cli.chat.following import follow
from perdure.cli.exits import INTERRUPTED, OK, fail
from perdure.cli.messages import said
from perdure.cli.terminal import answers, notes, one_line
from perdure.cli.turn_view import TurnView
from perdure.core.states import ENDED
from perdure.errors import PerdureError

if TYPE_CHECKING:
    from perdure.agents import Thread, Turn
    from perdure.app import App
    from perdure.cli.chat.background import Background

_SHOWN_TURNS = 2


class Session:
    """One thread at the terminal."""

    def __init__(self, background: Background, app: App, thread: Thread) -> None:
        self._background = background
        self._app = app
        self._thread = thread
        logging.getLogger("perdure").addHandler(_Notes(logging.WARNING))

    def say(self, message: str) -> int:
        """One message and its answer; what had been interrupted is finished first. The exit code."""
        self._go_on()
        return self._show(self._send(message))

    def talk(self) -> int:
        """Show what was said, go on with what was interrupted, and converse until the end of input."""
        self._recall()
        self._go_on()
        while (message := _ask()) is not None:
            try:
                if message.strip():
                    self._show(self._send(message))
            except PerdureError as error:
                fail(error)
        return OK

    def _send(self, message: str) -> Turn:
        return self._background.call(self._thread.send(message))

    def _show(self, turn: Turn) -> int:
        follow(self._background, self._app, turn, TurnView(answers(), notes()))
        reply = self._background.call(turn.result())
        return INTERRUPTED if reply.status == "stopped" else OK

    def _recall(self) -> None:
        out = answers() if answers().is_terminal else notes()
        messages = self._background.call(self._thread.messages())
        latest = messages[-1].turn if messages else 0
        for message in messages:
            if latest - _SHOWN_TURNS < message.turn and message.status != "streaming":
                out.print(said(message))

    def _go_on(self) -> None:
        turn = self._background.call(self._thread.turn())
        if turn is None or self._background.call(turn.record()).status in ENDED:
            return
        notes().print(Text("the last turn was not finished; it goes on where it was", style="yellow"))
        try:
            self._show(turn)
        except PerdureError as error:
            fail(error)


def _ask() -> str | None:
    """The next message; None at the end of input, or at Ctrl-C."""
    if sys.stdin.isatty():
        with suppress(ImportError):
            importlib.import_module("readline")  # gives input() its editing and its history
        answers().print(Rule(style="dim"))
    try:
        return input("> " if sys.stdin.isatty() else "")
    except EOFError:
        return None
    except KeyboardInterrupt:
        answers().print()
        return None


class _Notes(logging.Handler):
    """What the library logs, as a line beside the conversation."""

    def emit(self, record: logging.LogRecord) -> None:
        notes().print(one_line(record.getMessage()), style="dim")

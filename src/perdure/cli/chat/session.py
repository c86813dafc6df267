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
from perdure.errors import PerdureError

if TYPE_CHECKING:
    from perdure.agents import Thread, Turn
    from perdure.app.client import Client
    from perdure.cli.chat.background import Background

_SHOWN_TURNS = 2


class Session:
    """One thread at the terminal."""

    def __init__(self, background: Background, client: Client, thread: Thread, unfinished: str | None = None) -> None:
        """Shape: `unfinished` is the run of a turn that had not ended before anything was done here."""
        self._background = background
        self._client = client
        self._thread = thread
        self._unfinished = unfinished
        logging.getLogger("perdure").addHandler(_Notes(logging.WARNING))

    def say(self, message: str) -> int:
        """One message and its answer; what had been interrupted is finished first. The exit code."""
        self._finish_interrupted()
        return self._show(self._send(message))

    def talk(self) -> int:
        """Show what was said, go on with what was interrupted, and converse until the end of input."""
        self._recall()
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
        follow(self._background, self._client, turn, TurnView(answers(), notes()))
        reply = self._background.call(turn.result())
        return INTERRUPTED if reply.status == "stopped" else OK

    def _recall(self) -> None:
        """What was said; a reply that was being written when it was read is followed, though it may have ended since.

        What is asked for after the messages is not what the messages were: a turn may end in between.
        """
        out = answers() if answers().is_terminal else notes()
        messages = self._background.call(self._thread.messages())
        turns = {turn.number: turn for turn in self._background.call(self._thread.turns())}
        latest = messages[-1].turn if messages else 0
        for message in messages:
            if message.turn <= latest - _SHOWN_TURNS:
                continue
            if message.status == "streaming" and message.turn in turns:
                self._go_on(turns[message.turn])
            else:
                out.print(said(message))

    def _finish_interrupted(self) -> None:
        """Show the turn that had not ended before this process began to work, whether it has ended since or not."""
        messages = self._background.call(self._thread.messages())
        written = {message.turn for message in messages if message.status == "streaming"}
        for turn in self._background.call(self._thread.turns()):
            if turn.number in written or turn.run_id == self._unfinished:
                for message in messages:
                    if message.turn == turn.number and message.role == "user":
                        notes().print(said(message))
                self._go_on(turn)

    def _go_on(self, turn: Turn) -> None:
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

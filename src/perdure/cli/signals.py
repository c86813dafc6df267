"""SIGTERM and Ctrl-C, which ask a command to end: the first one politely, the last one at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

BY_SIGNAL = 128
"""Added to a signal's number it is the exit code, as a shell has it."""


def on_signals(*answers: Callable[[int], None]) -> None:
    """Answer each signal that comes: the first by the first answer, each after the last one by the last one.

    Shape: an answer is called on the running loop, with the signal's number.
    """
    came = 0

    def come(number: int) -> None:
        nonlocal came
        came += 1
        answers[min(came, len(answers)) - 1](number)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, come, int(number))


def leave_now(number: int, said: str) -> None:
    """End the process as it is, which is as safe as a crash: what it holds goes on when its lease has ended."""
    from perdure.cli.terminal import notes, one_line

    notes().print("[yellow]![/]", one_line(said))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(BY_SIGNAL + number)

"""What the exit codes mean, in one table; the first row that fits an error is its own."""

from __future__ import annotations

import traceback
from typing import NamedTuple

import typer

from perdure.errors import (
    ConfigurationError,
    InputError,
    LeaseError,
    ModelError,
    OutcomeError,
    PerdureError,
    ReplayError,
    RunError,
    StoreError,
)

OK = 0
WRONG = 1
MISUSED = 2
UNUSABLE = 3
BROKEN = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130
TERMINATED = 143


class Exit(NamedTuple):
    """One row: what ended a command, its code, and what the code means."""

    of: type[PerdureError] | None
    code: int
    meaning: str


EXITS: tuple[Exit, ...] = (
    Exit(None, OK, "done"),
    Exit(None, WRONG, "done, and what was looked at is wrong: doctor has findings, a demo's count is off"),
    Exit(None, MISUSED, "the command line can't be understood; nothing was looked at"),
    Exit(ConfigurationError, UNUSABLE, "a module, a setting or a store URL can't be used; nothing was changed"),
    Exit(InputError, 4, "a value can't be accepted; nothing was changed"),
    Exit(RunError, 5, "a run, a thread or a question is not there, or in another state"),
    Exit(OutcomeError, 6, "a run or a step failed, or was cancelled"),
    Exit(LeaseError, 7, "another worker holds the run"),
    Exit(ReplayError, 8, "the code disagrees with what the run has recorded"),
    Exit(StoreError, 9, "the store can't be used"),
    Exit(ModelError, 10, "the model can't be used"),
    Exit(PerdureError, 11, "anything else that perdure refuses"),
    Exit(None, BROKEN, "perdure itself is broken; PERDURE_TRACEBACK=1 shows where"),
    Exit(None, INTERRUPTED, "interrupted by Ctrl-C"),
    Exit(None, TERMINATED, "ended by SIGTERM"),
)


class ModuleRaised(Exception):
    """A module of the user's raised while it was imported; its cause is what it raised."""


def code_of(error: PerdureError) -> int:
    """The exit code of an error."""
    return next(row.code for row in EXITS if row.of is not None and isinstance(error, row.of))


def misused(what: str, reason: str) -> typer.BadParameter:
    """What is raised where a word of the command line can't be understood, as typer itself does."""
    return typer.BadParameter(reason, param_hint=f"'{what}'")


def fail(error: PerdureError) -> int:
    """Print an error as one line with its code; the exit code."""
    from perdure.cli.terminal import notes, one_line

    notes().print(f"[bold red]error[/] [dim]{error.code or type(error).__name__}[/]", one_line(str(error)))
    return code_of(error)


def show_whole(error: ModuleRaised) -> int:
    """Show what a user's module raised as Python shows it; the exit code."""
    traceback.print_exception(error.__cause__)
    return UNUSABLE


def fail_within(error: Exception) -> int:
    """Print an error that nobody foresaw as one line, or whole where the environment asks for it; the exit code."""
    from perdure.app.settings import setting
    from perdure.cli.terminal import notes, one_line

    if setting("PERDURE_TRACEBACK"):
        traceback.print_exception(error)
    said = f"{type(error).__name__}: {error} (nobody foresaw this; PERDURE_TRACEBACK=1 shows where it comes from)"
    notes().print("[bold red]error[/] [dim]broken[/]", one_line(said))
    return BROKEN

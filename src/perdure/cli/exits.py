"""What the exit codes mean, in one table; the first row that fits an error is its own."""

from __future__ import annotations

from typing import NamedTuple

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
INTERRUPTED = 130


class Exit(NamedTuple):
    """One row: what ended a command, its code, and what the code means."""

    of: type[PerdureError] | None
    code: int
    meaning: str


EXITS: tuple[Exit, ...] = (
    Exit(None, OK, "done"),
    Exit(None, WRONG, "done, and what was looked at is wrong: doctor has findings, a demo's count is off"),
    Exit(None, MISUSED, "the command line can't be understood"),
    Exit(ConfigurationError, 3, "a module, a setting or a store URL can't be used; nothing was changed"),
    Exit(InputError, 4, "a value can't be accepted; nothing was changed"),
    Exit(RunError, 5, "a run, a thread or a question is not there, or in another state"),
    Exit(OutcomeError, 6, "a run or a step failed, or was cancelled"),
    Exit(LeaseError, 7, "another worker holds the run"),
    Exit(ReplayError, 8, "the code disagrees with what the run has recorded"),
    Exit(StoreError, 9, "the store can't be used"),
    Exit(ModelError, 10, "the model can't be used"),
    Exit(PerdureError, 11, "anything else that perdure refuses"),
    Exit(None, INTERRUPTED, "interrupted by Ctrl-C"),
)


def code_of(error: PerdureError) -> int:
    """The exit code of an error."""
    return next(row.code for row in EXITS if row.of is not None and isinstance(error, row.of))


def fail(error: PerdureError) -> int:
    """Print an error as one line with its code; the exit code."""
    from perdure.cli.terminal import notes, one_line

    notes().print(f"[bold red]error[/] [dim]{error.code or type(error).__name__}[/]", one_line(str(error)))
    return code_of(error)

"""What we use of apsw, typed here: its own stubs name a type that this Python may not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Event
from typing import Protocol, TypeAlias, cast

import apsw

BUSY_SECONDS = 10.0
_BUSY_AGAIN_AFTER = 0.005
_STATEMENTS = 300  # that are kept prepared: an UPDATE of a run has one for each set of columns that change

Cell: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Cell, ...]


class Cursor(Protocol):
    """A cursor."""

    def execute(self, sql: str, values: Sequence[Cell] = (), /) -> Cursor:
        """Run one statement, or several without values."""
        ...

    def executemany(self, sql: str, values: Iterable[Sequence[Cell]], /) -> Cursor:
        """Run a statement for each of several rows."""
        ...

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Row]: ...


class Connection(Protocol):
    """A connection, used by one thread at a time."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def cursor(self) -> Cursor:
        """A cursor."""
        ...

    def execute(self, sql: str, values: Sequence[Cell] = (), /) -> Cursor:
        """Run statements on a new cursor."""
        ...

    def pragma(self, name: str, value: str | int | None = None, /) -> Cell:
        """Ask for a setting, or change it."""
        ...

    def config(self, op: int, value: int, /) -> int:
        """Change a setting of this connection."""
        ...

    def data_version(self) -> int:
        """A number that changes with every commit, this connection's and others', as far as it has read."""
        ...

    def changes(self) -> int:
        """How many rows the last statement changed."""
        ...

    def total_changes(self) -> int:
        """How many rows were changed since the connection was opened."""
        ...

    def last_insert_rowid(self) -> int:
        """The id of the last row inserted."""
        ...

    def set_busy_timeout(self, milliseconds: int, /) -> None:
        """How long to wait for another program's lock."""
        ...

    def create_scalar_function(self, name: str, callback: Callable[[str], str], numargs: int, /) -> None:
        """Let SQL call a function of ours."""
        ...

    def wal_checkpoint(self, *, mode: int) -> tuple[int, int]:
        """Move the log into the database, or only look; the pages in the log, and those of them in the database."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


def remove_log_at_close(connection: Connection, *, removes: bool) -> None:
    """Whether the connection, where SQLite takes it for the last one, moves its log into the database and removes it.

    SQLite asks its own locks, and a process loses them where any code in it opens and closes a file of the database.
    """
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, not removes)


def open_connection(path: str) -> Connection:
    """A connection to a file that is there. Raises: apsw.Error."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOMUTEX
    return cast("Connection", apsw.Connection(path, flags=flags, statementcachesize=_STATEMENTS))


def wait_while_busy(act: Callable[[], object]) -> None:
    """Do what SQLite itself would not wait for. Raises: apsw.BusyError where another process is busy for too long."""
    never = Event()
    for _ in range(int(BUSY_SECONDS / _BUSY_AGAIN_AFTER)):
        try:
            act()
        except apsw.BusyError:
            never.wait(_BUSY_AGAIN_AFTER)
        else:
            return
    act()

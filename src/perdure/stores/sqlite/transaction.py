"""What an operation works with inside one transaction: SQL, and the topics that there will be news of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from perdure.stores.sqlite.driver import Cell, Connection, Cursor, Row


class Transaction:
    """One transaction of the writer's connection."""

    __slots__ = ("_cursor", "changed", "changed_ever", "run", "topics")

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.cursor()
        self.run: Callable[..., Cursor] = self._cursor.execute
        self.changed: Callable[[], int] = connection.changes
        self.changed_ever: Callable[[], int] = connection.total_changes
        self.topics: set[str] = set()

    def row(self, sql: str, values: Sequence[Cell] = ()) -> Row | None:
        """The first row, or None."""
        rows = self.rows(sql, values)
        return rows[0] if rows else None

    def rows(self, sql: str, values: Sequence[Cell] = ()) -> list[Row]:
        """All rows: an unfinished cursor would pin the WAL."""
        return self.run(sql, values).fetchall()

    def number(self, sql: str, values: Sequence[Cell] = ()) -> int:
        """The integer that the first row begins with, 0 where there is none or it is NULL."""
        row = self.row(sql, values)
        return cast("int", row[0] or 0) if row else 0

    def many(self, sql: str, values: Iterable[Sequence[Cell]]) -> None:
        """Run a statement once for each of several rows."""
        self._cursor.executemany(sql, values)

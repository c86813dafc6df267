"""What works inside one transaction: SQL, the topics that there will be news of, and the locks of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from perdure.stores.sqlite.driver import Cell, Connection, Cursor, Row
from perdure.stores.sqlite.liveness_locks import LivenessLocks


class Transaction:
    """One transaction of a connection."""

    __slots__ = ("_cursor", "changed", "changed_ever", "run")

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.cursor()
        self.run: Callable[..., Cursor] = self._cursor.execute
        self.changed: Callable[[], int] = connection.changes
        self.changed_ever: Callable[[], int] = connection.total_changes

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

    def many(self, sql: str, values: Iterable[Sequence[Cell]]) -> list[Row]:
        """Run a statement once for each of several rows, each asked for when the one before it is done.

        Shape: what the statement returns.
        """
        return self._cursor.executemany(sql, values).fetchall()


class WriteTransaction(Transaction):
    """One transaction of the writer's connection."""

    __slots__ = ("_gone", "_locks", "topics")

    def __init__(self, connection: Connection, locks: LivenessLocks) -> None:
        super().__init__(connection)
        self._locks = locks
        self._gone: dict[str, bool] = {}
        self.topics: set[str] = set()

    def hold(self, worker_id: str) -> None:
        """Take a worker's lock now, and remove what dead ones have left who have no row.

        Raises: SettingInvalid where a running process is this worker.
        """
        self._gone.pop(worker_id, None)
        self._locks.tidy(cast("str", row[0]) for row in self.rows("SELECT worker_id FROM workers"))
        self._locks.hold(worker_id)

    def release_worker(self, worker_id: str, *, died: bool) -> None:
        """Give a worker's lock back once the transaction has been committed; remove what a dead one left."""
        self._gone[worker_id] = died

    def state(self) -> tuple[set[str], dict[str, bool]]:
        """What a refused commit must not have added to: for `restore`."""
        return set(self.topics), dict(self._gone)

    def restore(self, state: tuple[set[str], dict[str, bool]]) -> None:
        """Go back to a `state`."""
        self.topics, self._gone = state

    def end(self) -> frozenset[str]:
        """It has been committed: settle the locks. Shape: the topics that there is news of."""
        if self._gone:
            gone, self._gone = self._gone, {}
            for worker_id, died in gone.items():
                (self._locks.forget if died else self._locks.drop)(worker_id)
        if not self.topics:
            return _NOTHING
        topics, self.topics = self.topics, set()
        return frozenset(topics)

    def forget(self) -> None:
        """It has been rolled back."""
        self.topics = set()
        self._gone = {}


_NOTHING: frozenset[str] = frozenset()

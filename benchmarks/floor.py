"""The floor: one row per transaction, with the settings and on the file system of the store, and no engine."""

from __future__ import annotations

import time
from pathlib import Path

from perdure.stores.sqlite.driver import open_connection


class Floor:
    """A table of its own, in a file of its own beside the store's."""

    def __init__(self, path: Path) -> None:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.touch()
        self._connection = open_connection(str(path))
        self._connection.pragma("journal_mode", "wal")
        self._connection.pragma("synchronous", "FULL")
        self._run = self._connection.cursor().execute
        self._run("CREATE TABLE steps (run TEXT, seq INT, name TEXT, out BLOB, PRIMARY KEY (run, seq)) WITHOUT ROWID")
        self._next = 0

    def rows_per_s(self, rows: int) -> float:
        """Durable rows per second."""
        run, first = self._run, self._next
        self._next += rows
        begun = time.perf_counter()
        for number in range(first, self._next):
            run("BEGIN IMMEDIATE")
            run("INSERT INTO steps VALUES ('run', ?, 'step', ?)", (number, b"1"))
            run("COMMIT")
        return rows / (time.perf_counter() - begun)

    def pragma(self, name: str) -> object:
        """Ask its connection for a setting."""
        return self._connection.pragma(name)

    def close(self) -> None:
        self._connection.close()

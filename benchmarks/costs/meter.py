"""What a store on SQLite was asked and has written: statements, SQLite's instructions, commits, pages. Never time."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from benchmarks.costs.log import written
from perdure.stores.port import Store
from perdure.stores.sqlite import writer

EVERY = 10
"""Units: instructions of SQLite's between two counts."""


class Cost(NamedTuple):
    """Commits and pages as in the log; statements of every connection, those that begin and end a transaction too."""

    commits: int
    pages: int
    statements: int
    instructions: int

    def since(self, before: Cost) -> Cost:
        return Cost(*(now - then for now, then in zip(self, before, strict=True)))


class Meter:
    """Counts from now on, on all connections of one store, and keeps the text of each statement."""

    def __init__(self, path: Path, store: Store) -> None:
        self._path = path
        self._statements = 0
        self._instructions = 0
        self.texts = set[str]()
        for connection in connections(store):
            connection.exec_trace = self._took
            connection.set_progress_handler(self._ran, EVERY)

    def now(self) -> Cost:
        log = written(self._path)
        return Cost(log.commits, log.pages, self._statements, self._instructions)

    def _took(self, _: Any, sql: str, __: Any) -> bool:
        self._statements += 1
        self.texts.add(sql)
        return True

    def _ran(self) -> bool:
        self._instructions += EVERY
        return False


@contextmanager
def quick_disk() -> Generator[None]:
    """Commits stay on the loop, however slow the machine is just now: what is counted does not depend on time."""
    with mock.patch.object(writer, "SLOW_AFTER", 1e9), mock.patch.object(writer, "SLICE", 1e9):
        yield


def connections(store: Store) -> list[Any]:
    """The connections of a store on SQLite, as apsw has them: the writer's first."""
    inside: Any = store
    return [inside._connection, inside._reader._small, inside._reader._long]

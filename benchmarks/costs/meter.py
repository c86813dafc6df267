"""What a store on SQLite was asked and has written: statements, SQLite's instructions, commits, pages. Never time."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from benchmarks.costs.log import written
from perdure.stores.port import Store
from perdure.stores.sqlite import group, identity, writer

EVERY = 10
"""Units: instructions of SQLite's between two counts."""
LOOKS = 10
"""Looks that find the same count until a store is at rest; turns of the loop, so a slow machine has more time."""
TIMEOUT = 10.0
"""Units: seconds within which a store is at rest, or a run waits again."""


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

    async def at_rest(self) -> Cost:
        """What has been counted when nothing more comes. Raises: TimeoutError where there is always more."""
        same, before = 0, (self._statements, self._instructions)
        async with asyncio.timeout(TIMEOUT):
            while same < LOOKS:
                await asyncio.sleep(0.002)
                now = self._statements, self._instructions
                same, before = (same + 1 if now == before else 0), now
        return self.now()

    @contextmanager
    def looks_away(self) -> Generator[None]:
        """What is asked inside is not counted: small reads only, which nothing comes between."""
        before = self._statements, self._instructions
        yield
        self._statements, self._instructions = before

    def _took(self, _: Any, sql: str, __: Any) -> bool:
        self._statements += 1
        self.texts.add(sql)
        return True

    def _ran(self) -> bool:
        self._instructions += EVERY
        return False


@contextmanager
def regardless_of_time() -> Generator[None]:
    """What is counted does not depend on time: how slow the machine is just now, and when it last looked at the file.

    Commits stay on the loop, and no checkpoint lets the log begin anew, in which they are counted.
    """
    with (
        mock.patch.object(writer, "SLOW_AFTER", 1e9),
        mock.patch.object(writer, "SLICE", 1e9),
        mock.patch.object(identity, "LOOK_EVERY", 1e9),
        mock.patch.object(identity, "MARK_EVERY", 1e9),
        mock.patch.object(group, "CHECKPOINT_PAGES", 10**9),
    ):
        yield


def connections(store: Store) -> list[Any]:
    """The connections of a store on SQLite, as apsw has them: the writer's first."""
    inside: Any = store
    return [inside._connection, inside._reader._small, inside._reader._long]

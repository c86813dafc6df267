"""The streams that somebody in this process follows, and where each of them ended when it was last looked at.

All of them are looked at in one statement, with two searches for each. What that takes grows with their number, and it
may be within a transaction for which other processes wait: so the next look comes only after nine times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

import msgspec

from perdure.core import topics
from perdure.stores.sqlite.rows import HEAD
from perdure.stores.sqlite.transaction import Transaction

HEADS = (
    f"SELECT tenant, run_id, runs.id, {HEAD} FROM json_each(?) AS wanted CROSS JOIN runs"
    " ON tenant = wanted.value ->> 0 AND run_id = wanted.value ->> 1"
)
_REST = 9.0
_LONGEST_REST = 1.0
"""Units: seconds; readers wait no longer than that, however many they are."""

Key: TypeAlias = tuple[str, str]
Head: TypeAlias = tuple[int, int]

_NO_RUN: Head = (0, 0)
_UNKNOWN: Head = (0, -1)


class FollowedStreams:
    """What was last seen of each followed stream: the number of its run, and its last seq."""

    def __init__(self, tx: Transaction, followed: Callable[[], tuple[str, ...]], elapsed: Callable[[], float]) -> None:
        """Shape: `followed` gives the topics of the streams that somebody listens to."""
        self._tx = tx
        self._followed = followed
        self._elapsed = elapsed
        self._topics: tuple[str, ...] = ()
        self._runs: list[tuple[Key, str]] = []
        self._wanted = ""
        self._heads: dict[Key, Head] = {}
        self._changing: dict[Key, Head] = {}
        self._took = 0.0
        self._rests_until = 0.0
        self._is_behind = False

    @property
    def is_due(self) -> bool:
        """Whether others may have appended what the last look left, and the next may come."""
        return self._is_behind and self._elapsed() >= self._rests_until

    def look(self) -> set[str]:
        """The topics of the streams that have moved since the last look, and of those that are new here."""
        begun = self._elapsed()
        self._is_behind = begun < self._rests_until
        if self._is_behind:
            return set()
        self._choose(self._followed())
        found = self._read(self._wanted) if self._runs else {}
        before, self._heads = self._heads, {key: found.get(key, _NO_RUN) for key, _ in self._runs}
        took = self._elapsed() - begun
        # the shorter of two: one that was held up says little
        self._rests_until = begun + took + min(_REST * min(took, self._took), _LONGEST_REST)
        self._took = took
        return {topic for key, topic in self._runs if self._heads[key] != before.get(key)}

    def append(self, tenant: str | None, run_id: str, seq: int) -> None:
        """An own commit has appended this entry."""
        key = (tenant or "", run_id)
        number, head = self._heads.get(key, _UNKNOWN)
        if head == seq - 1:  # else others have appended too, and the next look tells of it
            self._heads[key] = number, seq

    def change(self, changed: Iterable[str]) -> None:
        """The transaction under way has changed these streams; noted by `settle`, where it is committed."""
        self._changing = {}
        if self._heads and not self._is_behind:
            keys = [key for topic in changed for key in topics.runs_of_stream(topic) if key in self._heads]
            if keys:
                self._changing = self._read(_text(keys))

    def settle(self) -> None:
        """The transaction was committed: no later look tells of its own changes."""
        self._heads |= self._changing
        self._changing = {}

    def _choose(self, followed: tuple[str, ...]) -> None:
        if followed != self._topics:
            self._topics = followed
            self._runs = [(key, topic) for topic in followed for key in topics.runs_of_stream(topic)]
            self._wanted = _text([key for key, _ in self._runs])

    def _read(self, wanted: str) -> dict[Key, Head]:
        found = cast("list[tuple[str, str, int, int | None]]", self._tx.rows(HEADS, (wanted,)))
        return {(tenant, run_id): (number, head or 0) for tenant, run_id, number, head in found}


def _text(keys: list[Key]) -> str:
    return msgspec.json.encode(keys).decode()

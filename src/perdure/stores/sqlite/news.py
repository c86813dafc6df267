"""News between processes: a row of topics for each commit that has some, and the entries of streams themselves.

Hints, never facts. That entries were appended needs no row: their numbers only grow, so whoever has seen one finds
those after it.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import cast

import msgspec

from perdure.core import topics
from perdure.stores.sqlite.transaction import Transaction

_KEEP = 10_000
_TRIM_EVERY = 1_024
_ANNOUNCE = "INSERT INTO notices (writer, topics) VALUES (?, ?) RETURNING id"
_TRIM = "DELETE FROM notices WHERE id <= ?"
RANGE = "SELECT (SELECT min(id) FROM notices), (SELECT max(id) FROM notices), (SELECT max(id) FROM chunks)"
NOTICES = "SELECT topics FROM notices WHERE id > ? AND writer <> ?"
STREAMS = "SELECT tenant, run_id FROM runs WHERE id IN (SELECT run FROM chunks WHERE id > ?)"
_topics = msgspec.json.Decoder(list[str])
_STREAM = topics.stream(None, "")
_END = topics.end(None, "")


class News:
    """What one process has seen of the news of the others."""

    def __init__(self, tx: Transaction, writer: int) -> None:
        self._tx = tx
        self._writer = writer
        _, self._seen_notice, self._seen_entry = self._range()

    def announce(self, changed: AbstractSet[str]) -> None:
        """Tell other processes. A stream is told of by its entries, unless its run has ended."""
        told = [topic for topic in changed if not self._is_told_by_entries(topic, changed)]
        if len(told) < len(changed):
            # what others appended has been looked at, for this is within a transaction: the rest is our own
            self._seen_entry = self._range()[2]
        if told:
            number = self._tx.number(_ANNOUNCE, (self._writer, msgspec.json.encode(told)))
            if number % _TRIM_EVERY == 0:
                self._tx.run(_TRIM, (number - _KEEP,))

    def look(self) -> tuple[frozenset[str], bool]:
        """The topics of what others have committed since the last look, and whether some are lost."""
        first, last, last_entry = self._range()
        seen, seen_entry = self._seen_notice, self._seen_entry
        self._seen_notice, self._seen_entry = last, last_entry
        if first > seen + 1 or last_entry > seen_entry + _KEEP:
            return frozenset(), True
        notices = cast("list[tuple[bytes]]", self._tx.rows(NOTICES, (seen, self._writer))) if last > seen else []
        found = {topic for (told,) in notices for topic in _topics.decode(told)}
        if last_entry > seen_entry:
            streams = cast("list[tuple[str, str]]", self._tx.rows(STREAMS, (seen_entry,)))
            found.update(topics.stream(tenant or None, run_id) for tenant, run_id in streams)
        return frozenset(found), False

    @staticmethod
    def _is_told_by_entries(topic: str, changed: AbstractSet[str]) -> bool:
        return topic.startswith(_STREAM) and _END + topic.removeprefix(_STREAM) not in changed

    def _range(self) -> tuple[int, int, int]:
        first, last, last_entry = cast("tuple[int | None, ...]", self._tx.rows(RANGE)[0])
        return first or 0, last or 0, last_entry or 0

"""News between processes: a row of topics for each commit that has some, and the entries of streams themselves.

Hints, never facts. That entries were appended needs no row: whoever follows a stream looks at its last seq, which grows
with every entry, those included that take the place of others.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import cast

import msgspec

from perdure.core import topics
from perdure.stores.sqlite.followed import FollowedStreams
from perdure.stores.sqlite.transaction import Transaction

_KEEP = 10_000
_TRIM_EVERY = 1_024
_ANNOUNCE = "INSERT INTO notices (writer, topics) VALUES (?, ?) RETURNING id"
_TRIM = "DELETE FROM notices WHERE id <= ?"
RANGE = "SELECT (SELECT min(id) FROM notices), (SELECT max(id) FROM notices)"
NOTICES = "SELECT topics FROM notices WHERE id > ? AND writer <> ?"
_topics = msgspec.json.Decoder(list[str])
_STREAM = topics.stream(None, "")
_END = topics.end(None, "")


class News:
    """What one process has seen of the news of the others."""

    def __init__(
        self, tx: Transaction, writer: int, followed: Callable[[], tuple[str, ...]], elapsed: Callable[[], float]
    ) -> None:
        self._tx = tx
        self._writer = writer
        self.streams = FollowedStreams(tx, followed, elapsed)
        _, self._seen_notice = self._range()

    def announce(self, changed: AbstractSet[str]) -> None:
        """Tell other processes. A stream is told of by its entries, unless its run has ended."""
        told = [topic for topic in changed if not self._is_told_by_entries(topic, changed)]
        self.streams.change(topic for topic in changed if topic.startswith(_STREAM))
        if told:
            number = self._tx.number(_ANNOUNCE, (self._writer, msgspec.json.encode(told)))
            if number % _TRIM_EVERY == 0:
                self._tx.run(_TRIM, (number - _KEEP,))

    def look(self) -> tuple[frozenset[str], bool]:
        """The topics of what others have committed since the last look, and whether some are lost."""
        first, last = self._range()
        seen, self._seen_notice = self._seen_notice, last
        moved = self.streams.look()
        if first > seen + 1:
            return frozenset(), True
        notices = cast("list[tuple[bytes]]", self._tx.rows(NOTICES, (seen, self._writer))) if last > seen else []
        found = {topic for (told,) in notices for topic in _topics.decode(told)}
        return frozenset(found | moved), False

    @staticmethod
    def _is_told_by_entries(topic: str, changed: AbstractSet[str]) -> bool:
        return topic.startswith(_STREAM) and _END + topic.removeprefix(_STREAM) not in changed

    def _range(self) -> tuple[int, int]:
        first, last = cast("tuple[int | None, ...]", self._tx.rows(RANGE)[0])
        return first or 0, last or 0

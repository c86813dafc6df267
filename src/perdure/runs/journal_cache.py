"""Journals of runs that this process has suspended, so that a wake-up reads only what is new.

A journal kept here is used only for a claim whose token follows the one under which it was written, in the same life
of the run: then nobody else has written to the run in between, and the copy can't disagree with the store. What has
come in meanwhile is read after the last seq that was known. A journal with nothing in it is not kept: to read it again
is one query, as what is new would be, and there may be very many such runs.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from perdure.core.records import Journal, RunRecord

MAX_BYTES = 16 * 1024 * 1024
MAX_RUN_BYTES = 8 * 1024 * 1024
STEP_BYTES = 512
"""About what the record of a step, or of an event, takes beside its result, or payload."""
RUN_BYTES = 1024
"""At most what a run takes beside its records."""

_EMPTY = Journal()


class _Kept(msgspec.Struct):
    token: int
    life: int
    journal: Journal
    size: int


class JournalCache:
    """The journals that were suspended last, up to a number of bytes."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str | None, str], _Kept] = OrderedDict()

    def keep(self, run: RunRecord, journal: Journal) -> None:
        """Keep the journal of a run that was suspended under its token."""
        self.take(run)
        size = _size_of(journal)
        if not (journal.steps or journal.events) or size > MAX_RUN_BYTES:
            return
        self._kept[run.tenant, run.run_id] = _Kept(run.token, run.life, journal, size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size

    def take(self, run: RunRecord) -> Journal | None:
        """The journal of a run that was claimed just now, where it is known here; what was kept of it is let go.

        Shape: that of a run whose first holder this is, and for which nothing had come in at its claim, is empty.
        """
        kept = self._kept.pop((run.tenant, run.run_id), None)
        if kept is None:
            return _EMPTY if run.token == 1 and run.inbox == 0 else None
        self._bytes -= kept.size
        return kept.journal if (kept.token + 1, kept.life) == (run.token, run.life) else None


def _size_of(journal: Journal) -> int:
    size = RUN_BYTES + STEP_BYTES * (len(journal.steps) + len(journal.events))
    size += sum(len(step.result or b"") for step in journal.steps) + sum(len(event.payload) for event in journal.events)
    return size + sum(len(msgspec.json.encode(step.failure)) for step in journal.steps if step.failure is not None)

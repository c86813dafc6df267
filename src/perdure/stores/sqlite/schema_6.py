"""The sixth schema, as what changes in the fifth.

The entries of streams lie under one integer each, the run's number and the seq, as steps do: an entry is one page of
the log where it was two, its row's and its place in an index. No number tells any more in which order the entries of
different runs were appended: other processes look at the heads of the streams that they follow (see `news`).
"""

from __future__ import annotations

from perdure.core.records import ENTRY_BITS

# an entry of run 0 was of no run
TO_6 = f"""
ALTER TABLE chunks RENAME TO old_chunks;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    from_seq INTEGER NOT NULL,
    lane TEXT NOT NULL,
    format INTEGER NOT NULL DEFAULT 1,
    body BLOB NOT NULL
);
INSERT INTO chunks (id, from_seq, lane, format, body)
SELECT run << {ENTRY_BITS} | seq, from_seq, lane, format, body FROM old_chunks WHERE run > 0 ORDER BY run, seq;
DROP TABLE old_chunks;
"""

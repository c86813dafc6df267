"""Streams: what a run says while it runs, as chunks with a seq, read after a cursor and followed.

May import `stores`, `core` and `errors`. Read next: `core.chunks` (what the log means), `writing`, `reading`,
`following`.
"""

from perdure.streams.following import follow
from perdure.streams.reading import Page, read
from perdure.streams.writing import LaneWriter, LogWriter

__all__ = ["LaneWriter", "LogWriter", "Page", "follow", "read"]

"""The first of a checkpoint's two passes: what the log holds by now goes into the database while commits go on.

A checkpoint of some hundred pages takes some milliseconds, in which nobody could commit if it were one. But one that
lets commits go on never catches up with them, and the log would grow for ever. So most is copied by a connection of
its own, and only the rest by the writer's, while nobody writes: then the log begins anew.
"""

from __future__ import annotations

from contextlib import suppress

import apsw

from perdure.stores.sqlite.connection import connect
from perdure.stores.sqlite.schema import VERSION


class Checkpointer:
    """A connection that only copies; used by one thread at a time."""

    def __init__(self, path: str) -> None:
        self._connection = connect(path, VERSION)

    def copy(self) -> None:
        """Copy what can be copied; what can't stays in the log."""
        with suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

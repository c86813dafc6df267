"""The default home: one SQLite file, through apsw, shared fairly by the processes of one machine.

May import `stores.port`, `core` and `errors`; knows nothing of the other homes. Read next: `writer` (the group
commit), then a facet.
"""

from perdure.stores.sqlite.store import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "open_sqlite"]

"""The store: parcels and their scans in SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing

SCHEMA_VERSION = 3

_CREATE = """
CREATE TABLE IF NOT EXISTS parcels (id TEXT PRIMARY KEY, token INTEGER NOT NULL, delivered_at REAL);
CREATE TABLE IF NOT EXISTS scans (parcel_id TEXT, sequence INTEGER, depot TEXT, PRIMARY KEY (parcel_id, sequence));
"""


class StoreTooNew(Exception):
    """The database was written by a newer version of this program."""


class Store:
    """Keeps parcels; every write carries the token of the lease it was made under."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path)
        self._migrate()

    def _migrate(self) -> None:
        """Bring the schema up to date, one version at a time."""
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreTooNew(f"schema {version}, this program knows {SCHEMA_VERSION}")
        self._connection.executescript(_CREATE)
        self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def mark_delivered(self, parcel_id: str, token: int, at: float) -> bool:
        """Set the time of delivery, unless the token is stale."""
        with self._connection, closing(self._connection.cursor()) as cursor:
            cursor.execute("UPDATE parcels SET delivered_at = ? WHERE id = ? AND token = ?", (at, parcel_id, token))
            return cursor.rowcount == 1

    def close(self) -> None:
        """Close the file; closing twice is safe."""
        self._connection.close()

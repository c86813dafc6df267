"""Stores: one port (`port`, the promises in words) and its homes (`memory`, `sqlite`).

May import `core` and `errors`. Read next: `port/store`, then `port/runs`.
"""

from perdure.stores.opening import open_store, restore_store

__all__ = ["open_store", "restore_store"]

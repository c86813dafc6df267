"""Stores: one port (`port`, the promises in words) and what keeps them (`memory`, `sqlite`).

May import `core` and `errors`. Read next: `port/store`, then `port/runs`.
"""

from perdure.stores.opening import in_folder, open_store, restore_store

__all__ = ["in_folder", "open_store", "restore_store"]

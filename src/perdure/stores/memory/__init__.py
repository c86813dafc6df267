"""The readable home: plain dicts of frozen records in one process, gone with it. For tests and notebooks.

May import `stores.port`, `core` and `errors`; knows nothing of the other homes. Read next: `store`, then a facet.
"""

from perdure.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]

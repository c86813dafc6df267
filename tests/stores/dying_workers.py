"""Workers of SQLite whose process ends, though this one goes on."""

import os
from pathlib import Path
from urllib.parse import quote

from perdure.stores.port import Store
from perdure.stores.sqlite import liveness_locks


async def let_die(store: Store, worker_id: str) -> None:
    """Close a handle, and give a worker's lock back without a word, as the kernel does at the end of a process."""
    await store.close()
    file = Path(f"{store.url.removeprefix('sqlite:///')}-workers") / quote(worker_id, safe="")
    os.close(liveness_locks._left.pop(file))  # pyright: ignore[reportPrivateUsage]
    assert file.exists()

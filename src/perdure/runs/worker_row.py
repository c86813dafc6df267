"""What a worker says of itself in the store."""

from __future__ import annotations

import os
from datetime import datetime

from perdure.core.ids import start_token
from perdure.core.records import WorkerRecord


def worker_row(
    worker_id: str, boot_id: str, queues: tuple[str, ...], *, lease_until: float, at: datetime
) -> WorkerRecord:
    """The row of a worker of this process, as it registers."""
    pid = os.getpid()
    return WorkerRecord(
        worker_id=worker_id,
        host=os.uname().nodename,
        pid=pid,
        process_token=start_token(pid),
        boot_id=boot_id,
        lease_until=lease_until,
        queues=queues,
        started_at=at,
        renewed_at=at,
    )

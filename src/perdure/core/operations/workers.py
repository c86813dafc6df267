"""Workers: one row each, renewed as a whole, however many runs it executes. The store owns lease time."""

from __future__ import annotations

from datetime import datetime

import msgspec


class RegisterWorker(msgspec.Struct, frozen=True, kw_only=True):
    """Add a worker's row, with a lease from now on.

    Shape: `incarnation` is new for each registration. A row of an earlier incarnation of the same id is that of a
    process that had the id before: its runs are taken over first, as by TakeOver, at most `limit`. Where there are more
    of them this is not the worker yet, and lands again; what comes back is whether that is so.
    From here to its RetireWorker, or to the end of this process, its death can be proven, where the store can do
    that: this process holds the proof of its life.
    Units: `lease_for` and `stall_limit` in seconds of lease time.
    Key: (worker_id, incarnation).
    Raises: SettingInvalid where a running process is this worker; WorkerExpired where this incarnation is gone again.
    """

    worker_id: str
    incarnation: str
    at: datetime
    lease_for: float
    stall_limit: float = 120.0
    host: str = ""
    pid: int = 0
    process_token: str = ""
    queues: tuple[str, ...] = ()
    limit: int = 100


class RenewWorker(msgspec.Struct, frozen=True, kw_only=True):
    """Move a worker's lease forward, to `lease_for` from now.

    Shape: (tenant, run id) of the runs that name this worker but are not among `executing`, none where that is None.
    They are not touched here: a claim may be on its way to the worker, which looks again and releases what is really
    left. A lease that has ended is renewed too, as long as nobody has taken over from the worker.
    Key: `beat`, which rises with each renewal: a lower one, or the same, changes nothing.
    Raises: WorkerExpired where its row is gone, or another incarnation's.
    """

    worker_id: str
    incarnation: str
    beat: int
    lease_for: float
    at: datetime
    executing: frozenset[tuple[str | None, str]] | None = None


class RetireWorker(msgspec.Struct, frozen=True, kw_only=True):
    """Remove a worker that stops; runs that still name it are given back, as by ReleaseRun, under a raised token.

    Shape: at most `limit` runs; what comes back is whether there are more, and the row is there as long as there are.
    Key: (worker_id, incarnation): gone is gone.
    """

    worker_id: str
    incarnation: str
    at: datetime
    limit: int = 100

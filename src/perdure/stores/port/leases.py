"""Leases: how a run gets another owner. A token only grows, and every write of an owner carries it."""

from __future__ import annotations

from datetime import datetime

import msgspec


class TakeRun(msgspec.Struct, frozen=True, kw_only=True):
    """Lease one run to a worker, whatever its queue says: edge `claim`.

    Shape: Loaded, with the raised token. A run that the same worker holds is leased to it again, with a raised token.
    A run in backoff or waiting for a timer is taken all the same. A failed run is not taken: restart it first. A run
    of a worker that is dead is taken over on the way: it counts a takeover, and never fails by it.
    Units: `lease_now` in seconds of lease time of the boot `boot_id`.
    Raises: RunNotFound; LeaseHeld where another worker, whose lease is later than `lease_now` (strictly) and whose
    death is not proven, has it; RunStateWrong where it has ended or is being cancelled; WorkerExpired where
    `worker_id` has no live lease.
    """

    run_id: str
    worker_id: str
    at: datetime
    lease_now: float
    boot_id: str


class TakeOver(msgspec.Struct, frozen=True, kw_only=True):
    """Take the runs of a dead worker from it: edge `takeover`; raises each token, counts a takeover, due at once.

    Shape: the ids of the runs; none where the worker renewed in time after all: its row is looked at again here.
    The worker's row goes with its last run. `proven` says that the store has proof of its death, lease or not.
    `registered` is the `started_at` of the row that was found dead: a worker that has registered again under the same
    id since then is another one, and is left alone; None takes from whoever has the id.
    A run that was taken over `max_takeovers` times without a step between them is not taken over again: it fails with
    the reason `poisoned`. A run that is being cancelled is cancelled by it.
    """

    worker_id: str
    at: datetime
    lease_now: float
    boot_id: str
    proven: bool = False
    registered: datetime | None = None
    max_takeovers: int = 5

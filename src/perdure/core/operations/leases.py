"""Leases: how a run gets another owner. A token only grows, and every write of an owner carries it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.records import RunRecord


class ClaimedRun(msgspec.Struct, frozen=True, gc=False):
    """A run that was leased, with its manifest. Its journal is read after the claim (`RunReads.journals`)."""

    run: RunRecord
    manifest: bytes


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Lease runs that are claimable to a worker: edge `claim`; each token is raised.

    Shape: ClaimedRun records, the longest claimable first; none where nothing is. A run is claimable when it is
    queued and does not wait for a concurrency key, or when its `due_at` is not later than `at`; what was queued by
    now is claimable whatever the clocks say. Only workflows among `workflows` are taken, and of a queue never so many
    that more than its limit would be running, over all workers of the store; None means no limit.
    A suspect (see `core.suspicion`) is claimed alone: with it nothing else, and nothing while its trial lasts.
    Where `parked` names some, by tenant and run id, parked runs among those are claimed instead, by the same rules.
    Key: `claim_id`, new for each call: the runs that this worker still has by it, and no more. Once it has none of
    them, a landing is a new claim; what nobody executes of that, the next renewal names.
    Raises: WorkerExpired where the worker's row is gone, or another incarnation's, or its lease has ended.
    """

    worker_id: str
    incarnation: str
    claim_id: str
    queues: tuple[tuple[str, int | None], ...]
    workflows: tuple[str, ...]
    limit: int
    at: datetime
    parked: tuple[tuple[str | None, str], ...] = ()


class TakeRun(msgspec.Struct, frozen=True, kw_only=True):
    """Lease one run to a worker, whatever its queue says: edge `claim`.

    Shape: ClaimedRun, with the raised token. A run that the same worker holds is leased to it again. A run in backoff,
    waiting for a timer, or parked is taken all the same. A failed run is not taken: restart it first. A run of a worker
    that is dead is taken over on the way, which counts its death, and never fails it.
    Key: `claim_id`, as for Claim.
    Raises: RunNotFound; LeaseHeld where a worker that lives has it; RunStateWrong where it has ended, is being
    cancelled, or waits for its concurrency key; WorkerExpired as for Claim.
    """

    tenant: str | None
    run_id: str
    worker_id: str
    incarnation: str
    claim_id: str
    at: datetime


class TakeOver(msgspec.Struct, frozen=True, kw_only=True):
    """Take runs of a dead worker from it, at most `limit`: edge `takeover`; raises each token; claimable at once.

    Shape: (tenant, run id) of each, the oldest claim first; fewer than `limit` where no more are left, and none where
    the worker is not dead after all: its row is looked at again here, each time. One that renews its lease between two
    keeps what it has left. A
    worker is dead when its death is proven; when its lease has ended and its life is not proven; when its life is
    proven and its stall limit has passed. The worker's row goes with its last run. Only a death that is proven counts
    against a run (or any, in a store that proves none). A run that died alone too often fails with the reason
    `poisoned`; one that is being cancelled is cancelled.
    Key: (worker_id, incarnation): a worker that has registered again since then is another one, and is left alone.
    """

    worker_id: str
    incarnation: str
    at: datetime
    limit: int = 100

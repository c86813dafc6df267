"""Stores that believe in workers that are gone."""

from typing import Any

import msgspec

from perdure.core.decisions.changes import RemoveWorker, UpdateRun, WriteWorker
from perdure.core.decisions.reads import GetOwned, GetWorker
from perdure.core.operations import OutsideOperation, RenewWorker
from perdure.core.records import WorkerRecord
from perdure.testing.store_suite.facets.workers import WorkerPromises
from tests.broken.registry import BreakableStore, caught_by, reads_instead, writes_instead
from tests.broken.stores.leases import WhileExecuting, while_deciding


@writes_instead(
    WriteWorker,
    WorkerPromises.test_a_new_incarnation_replaces_the_row_of_the_earlier_one,
    WorkerPromises.test_an_operation_of_an_earlier_incarnation_is_refused_or_changes_nothing,
)
def renewed_by_registration(store: BreakableStore, change: WriteWorker) -> list[WriteWorker]:
    """A worker that registers again has a new lease, and is the old process in all else."""
    store.memory = old = store.memory or change.worker
    if not change.is_new:
        return [change]
    return [WriteWorker(msgspec.structs.replace(old, lease_until=change.worker.lease_until), is_new=True)]


@while_deciding(RenewWorker, WorkerPromises.test_a_renewal_of_a_worker_that_is_gone_makes_none)
def phantom_lease(store: WhileExecuting, request: Any, found: Any) -> Any:
    """A renewal makes a worker that is not there."""
    if not isinstance(request, GetWorker) or found is not None:
        return found
    operation = store.executing
    assert isinstance(operation, RenewWorker)
    return WorkerRecord(
        worker_id=operation.worker_id,
        incarnation=operation.incarnation,
        boot_id="this process",
        lease_until=0.0,
        stall_until=0.0,
        stall_limit=1.0,
        started_at=operation.at,
        renewed_at=operation.at,
    )


@caught_by(WorkerPromises.test_a_renewal_changes_no_run)
class ReleasedByRenewal(BreakableStore):
    """A renewal releases what the worker does not name, though its claim may be on its way to it."""

    def _execute(self, operation: OutsideOperation) -> Any:
        named = super()._execute(operation)
        if isinstance(operation, RenewWorker):
            for key in named:
                freed = msgspec.structs.replace(self.state.runs[key], worker_id=None, status="queued")
                self.state.runs[key] = freed
        return named


@reads_instead(
    GetOwned,
    WorkerPromises.test_the_runs_of_a_worker_that_retires_are_queued_again,
    WorkerPromises.test_the_runs_of_an_earlier_incarnation_are_taken_over_first,
)
def runs_kept(store: BreakableStore, request: GetOwned, runs: Any) -> list[Any]:
    """A worker that goes takes its runs along."""
    return []


@reads_instead(GetWorker, WorkerPromises.test_an_operation_of_an_earlier_incarnation_is_refused_or_changes_nothing)
def incarnations_not_told_apart(
    store: BreakableStore, request: GetWorker, worker: WorkerRecord | None
) -> WorkerRecord | None:
    """Whoever has a worker's id is the worker."""
    return worker and msgspec.structs.replace(worker, incarnation=_Any(worker.incarnation))


class _Any(str):
    """Equal to every incarnation."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return super().__hash__()


@writes_instead(RemoveWorker, WorkerPromises.test_a_renewal_after_a_takeover_is_refused)
def worker_kept(store: BreakableStore, change: RemoveWorker) -> list[UpdateRun]:
    """A worker from which the runs were taken may renew its lease."""
    return []

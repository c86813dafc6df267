"""Stores that believe in workers that are gone."""

import msgspec

from perdure.core.records import WorkerRecord
from perdure.stores.memory import leases, workers
from perdure.stores.memory.state import State
from perdure.stores.port import RegisterWorker, RenewWorker, RetireWorker
from perdure.testing.store_suite.facets.workers import WorkerPromises
from tests.broken.registry import breaks


@breaks(RegisterWorker, WorkerPromises.test_a_worker_that_registers_again_is_the_new_process_in_everything)
def renewed_by_registration(state: State, operation: RegisterWorker) -> None:
    """A worker that registers again has a new lease, and is the old process in all else."""
    before, now = state.workers.get(operation.worker.worker_id), operation.worker
    if before is not None:
        now = msgspec.structs.replace(before, lease_until=now.lease_until, renewed_at=now.renewed_at)
    workers.register_worker(state, RegisterWorker(worker=now))


@breaks(RenewWorker, WorkerPromises.test_a_renewal_that_comes_late_is_refused)
def late_renewal(state: State, operation: RenewWorker) -> list[str]:
    """A renewal brings an expired worker back to life."""
    return workers.renew_worker(state, msgspec.structs.replace(operation, lease_now=float("-inf")))


@breaks(RenewWorker, WorkerPromises.test_a_renewal_of_a_worker_that_is_gone_makes_none)
def phantom_lease(state: State, operation: RenewWorker) -> list[str]:
    """A renewal makes a worker that is not there."""
    if operation.worker_id not in state.workers:
        state.workers[operation.worker_id] = WorkerRecord(
            worker_id=operation.worker_id,
            lease_until=operation.lease_until,
            started_at=operation.at,
            renewed_at=operation.at,
        )
    return workers.renew_worker(state, operation)


@breaks(RenewWorker, WorkerPromises.test_a_renewal_changes_no_run)
def released_by_renewal(state: State, operation: RenewWorker) -> list[str]:
    """A renewal releases what the worker does not name, though its claim may be on its way to it."""
    named = workers.renew_worker(state, operation)
    for run_id in named:
        leases.move(state, state.runs[run_id], "release", operation.at, worker_id=None, due_at=operation.at)
    return named


@breaks(RetireWorker, WorkerPromises.test_the_runs_of_a_worker_that_retires_are_queued_again)
def runs_kept_at_retirement(state: State, operation: RetireWorker) -> None:
    """A worker that retires takes its runs along."""
    state.workers.pop(operation.worker_id, None)

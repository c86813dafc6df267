"""Claims: a worker takes the lease of runs without an owner, or of one run by its id."""

from __future__ import annotations

from perdure.core import suspicion
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.keys import acquire
from perdure.core.decisions.reads import (
    CountRunning,
    GetClaimable,
    GetClaimed,
    GetHolding,
    GetLeaseTime,
    GetManifests,
    GetWorker,
)
from perdure.core.decisions.takeovers import take_from_dead
from perdure.core.decisions.transitions import transition
from perdure.core.operations.leases import Claim, ClaimedRun, TakeRun
from perdure.core.records import RunRecord, WorkerRecord
from perdure.core.states import ENDED
from perdure.errors import RunStateWrong, WorkerExpired


def claim(draft: Draft, operation: Claim) -> Decision[tuple[ClaimedRun, ...]]:
    """Decide Claim."""
    worker, lease_now = yield from _find_worker(operation)
    landed: list[RunRecord] = yield GetClaimed(operation.worker_id, operation.claim_id)
    if landed:
        return (yield from _with_manifests(landed))
    _check_lease(worker, lease_now)
    is_holding, suspects = yield GetHolding(operation.worker_id)
    if any(suspicion.is_on_trial(run, lease_now) for run in suspects):
        return ()
    chosen = _choose((yield from _claimable(draft, operation, is_holding=is_holding)), operation.limit)
    alone = not is_holding and len(chosen) == 1
    claimed = list[RunRecord]()
    for run in chosen:
        leased = yield from _lease(draft, draft.know(run), operation, lease_now, alone=alone)
        if leased is not None:
            claimed.append(leased)
    if claimed:
        _note_company(draft, suspects)
    return (yield from _with_manifests(claimed))


def _claimable(draft: Draft, operation: Claim, *, is_holding: bool) -> Decision[list[RunRecord]]:
    """What the worker may claim of each queue, the longest claimable first."""
    parked = yield from _parked(draft, operation, is_holding=is_holding)
    found: list[RunRecord] = []
    for queue, limit in operation.queues:
        places = operation.limit
        if limit is not None:
            places = min(places, limit - (yield CountRunning(queue)))
        if places > 0 and operation.parked:
            found += [run for run in parked if run.queue == queue][:places]
        elif places > 0:
            found += yield from _claimable_of(queue, operation, places, is_holding=is_holding)
    if len(operation.queues) > 1:
        found.sort(key=lambda run: run.ready_at or run.due_at or operation.at)
    return found


def _parked(draft: Draft, operation: Claim, *, is_holding: bool) -> Decision[list[RunRecord]]:
    """Which of the runs that the claim names are parked, and may be claimed."""
    found = list[RunRecord]()
    for tenant, run_id in operation.parked:
        run = yield from draft.find_run(tenant, run_id)
        is_wanted = run is not None and run.is_parked and run.workflow in operation.workflows
        if run is not None and is_wanted and not (is_holding and suspicion.must_be_alone(run)):
            found.append(run)
    return found


def _claimable_of(queue: str, operation: Claim, places: int, *, is_holding: bool) -> Decision[list[RunRecord]]:
    """What the worker may claim of a queue. What must wait for an empty worker does not hold up what is behind it."""
    asked = places
    while True:
        runs: list[RunRecord] = yield GetClaimable(queue, operation.workflows, operation.at, asked)
        found = [run for run in runs if not (is_holding and suspicion.must_be_alone(run))]
        if len(found) >= places or len(runs) < asked:
            return found[:places]
        asked *= 2


def _choose(claimable: list[RunRecord], limit: int) -> list[RunRecord]:
    """What to claim now: a suspect is claimed with nothing else, the longest claimable first."""
    if claimable and suspicion.is_suspect(claimable[0]):
        return claimable[:1]
    return [run for run in claimable if not suspicion.is_suspect(run)][:limit]


def _note_company(draft: Draft, suspects: list[RunRecord]) -> None:
    """Suspects that had their worker for themselves have something beside them now."""
    for run in map(draft.know, suspects):
        if run.suspicion is not None and run.suspicion.alone:
            draft.change_run(run, suspicion=suspicion.beside_others(run.suspicion))


def take_run(draft: Draft, operation: TakeRun) -> Decision[ClaimedRun]:
    """Decide TakeRun."""
    worker, lease_now = yield from _find_worker(operation)
    run = yield from draft.get_run(operation.tenant, operation.run_id)
    if run.worker_id == operation.worker_id and run.claim_id == operation.claim_id:
        return (yield from _with_manifests([run]))[0]
    _check_lease(worker, lease_now)
    if run.status in ENDED or run.status in {"cancelling", "paused"}:
        raise RunStateWrong(run.run_id, run.status, "only a run that is queued, suspended or running can be leased")
    if run.ticket is not None:
        raise RunStateWrong(run.run_id, run.status, f"it waits for the concurrency key {run.key!r}")
    if run.worker_id == operation.worker_id:
        fields = {"token": run.token + 1, "claim_id": operation.claim_id, "leased_at": lease_now}
        leased = draft.change_run(run, **fields, updated_at=operation.at)
    else:
        if run.worker_id is not None:
            run = yield from take_from_dead(draft, run, operation, lease_now)
        leased = yield from _take_free(draft, run, operation, lease_now)
    return (yield from _with_manifests([leased]))[0]


def _take_free(draft: Draft, run: RunRecord, operation: TakeRun, lease_now: float) -> Decision[RunRecord]:
    """Lease a run without an owner, whatever its worker holds already."""
    is_holding, suspects = yield GetHolding(operation.worker_id)
    leased = yield from _lease(draft, run, operation, lease_now, alone=not is_holding)
    if leased is None:
        raise RunStateWrong(run.run_id, run.status, f"it waits for the concurrency key {run.key!r}")
    _note_company(draft, suspects)
    return leased


def _lease(
    draft: Draft, run: RunRecord, operation: Claim | TakeRun, lease_now: float, *, alone: bool
) -> Decision[RunRecord | None]:
    """Lease a run without an owner; None where it has to wait for its concurrency key first."""
    if run.key is not None and not run.has_key and run.status != "cancelling":
        fields = yield from acquire(draft, run)
        if not fields["has_key"]:
            if run.status == "suspended":
                yield from transition(draft, run, "wake", operation.at, waiting_for=(), **fields)
            else:
                draft.change_run(run, **fields)
            return None
        run = draft.change_run(run, **fields)
    return (
        yield from transition(
            draft,
            run,
            "claim",
            operation.at,
            token=run.token + 1,
            worker_id=operation.worker_id,
            claim_id=operation.claim_id,
            leased_at=lease_now,
            ready_at=None,
            due_at=None,
            waiting_for=(),
            failure=None,  # of one that was parked
            suspicion=suspicion.on_trial(run, lease_now, alone=alone),
        )
    )


def _find_worker(operation: Claim | TakeRun) -> Decision[tuple[WorkerRecord, float]]:
    """The worker's row, and lease time now. Raises: WorkerExpired where it is gone, or another incarnation's."""
    worker: WorkerRecord | None = yield GetWorker(operation.worker_id)
    lease_now, boot_id = yield GetLeaseTime()
    if worker is None or worker.incarnation != operation.incarnation or worker.boot_id != boot_id:
        raise WorkerExpired(operation.worker_id)
    return worker, lease_now


def _check_lease(worker: WorkerRecord, lease_now: float) -> None:
    """Raises: WorkerExpired where the worker's lease has ended."""
    if lease_now >= worker.lease_until:
        raise WorkerExpired(worker.worker_id)


def _with_manifests(runs: list[RunRecord]) -> Decision[tuple[ClaimedRun, ...]]:
    if not runs:
        return ()
    manifests: list[bytes] = yield GetManifests(tuple(runs))
    return tuple(map(ClaimedRun, runs, manifests))

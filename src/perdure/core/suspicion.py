"""Which run kills its workers: what deaths say of the runs that were in flight.

A death counts against every run that its worker held; progress of a run (a committed step, a durable chunk, a
suspension) starts its count anew. A run with `SUSPECT_AT` deaths without progress between them is a suspect: a worker
claims nothing beside it while its trial lasts. A trial ends with progress, a suspension or an end, or after twice the
time that the run's attempt had run at its last death, and at least `TRIAL_FOR`.

Only a worker that held nothing else when it claimed a suspect has it alone, and only such deaths make it poisoned. So a
worker begins a suspect beside runs that it holds already the first time, which delays nobody; a suspect that has died
on trial waits until a worker is empty.
"""

from __future__ import annotations

import msgspec

from perdure.core.failures import Failure
from perdure.core.records import RunRecord, Suspicion

SUSPECT_AT = 2
ALONE_AT = 3
POISONED_AT = 3
TRIAL_FOR = 1.0


def is_suspect(run: RunRecord) -> bool:
    """Whether a worker claims nothing beside it."""
    return run.suspicion is not None and run.suspicion.deaths >= SUSPECT_AT


def must_be_alone(run: RunRecord) -> bool:
    """Whether a worker that holds anything must not claim it."""
    return run.suspicion is not None and run.suspicion.deaths >= ALONE_AT


def is_on_trial(run: RunRecord, lease_now: float) -> bool:
    """Whether its worker claims nothing now. A trial of an earlier boot is over."""
    suspicion = run.suspicion
    return suspicion is not None and suspicion.trial_until is not None and lease_now < suspicion.trial_until


def on_trial(run: RunRecord, lease_now: float, *, alone: bool) -> Suspicion | None:
    """What is known of a run that is claimed now; its trial begins where it is a suspect."""
    suspicion = run.suspicion
    if suspicion is None or suspicion.deaths < SUSPECT_AT:
        return suspicion
    until = lease_now + max(TRIAL_FOR, 2 * suspicion.ran_for)
    return msgspec.structs.replace(suspicion, alone=alone, trial_until=until)


def beside_others(suspicion: Suspicion) -> Suspicion:
    """What is known of a run that has its worker no longer for itself."""
    return msgspec.structs.replace(suspicion, alone=False)


def after_death(run: RunRecord, lease_now: float) -> Suspicion:
    """What is known of a run whose worker has died."""
    known = run.suspicion or Suspicion()
    ran_for = max(0.0, lease_now - run.leased_at) if run.leased_at is not None else 0.0
    return Suspicion(
        deaths=known.deaths + 1, deaths_alone=known.deaths_alone + (1 if known.alone else 0), ran_for=ran_for
    )


def poisoned_failure(suspicion: Suspicion) -> Failure | None:
    """The failure of a run that died alone too often; None where it may be tried again."""
    if suspicion.deaths_alone < POISONED_AT:
        return None
    times = f"{suspicion.deaths} workers died while they executed it, without a step or a chunk between"
    alone = f"{suspicion.deaths_alone} of them had nothing else"
    return Failure(cause_type="Poisoned", message=f"{times}; {alone}", reason="poisoned")

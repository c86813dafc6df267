"""Stores that give a run to the wrong worker, or at the wrong time."""

import msgspec

from perdure.core.records import Loaded
from perdure.stores.memory import leases
from perdure.stores.memory.state import State
from perdure.stores.port import TakeOver, TakeRun
from perdure.testing.store_suite.facets.leases import LeasePromises
from perdure.testing.store_suite.facets.takeovers import TakeoverPromises
from tests.broken.registry import breaks

A_MOMENT = 0.25


@breaks(TakeRun, LeasePromises.test_a_run_is_free_when_the_lease_of_its_holder_ends_now)
def held_at_its_very_end(state: State, operation: TakeRun) -> Loaded:
    """A lease that ends now still counts, for whoever takes a run."""
    return leases.take_run(state, msgspec.structs.replace(operation, lease_now=operation.lease_now - A_MOMENT))


@breaks(TakeRun, LeasePromises.test_a_run_of_a_live_worker_is_held)
def taken_from_the_living(state: State, operation: TakeRun) -> Loaded:
    """Whoever asks for a run gets it."""
    return leases.take_run(state, msgspec.structs.replace(operation, boot_id="no such boot"))


@breaks(TakeRun, LeasePromises.test_the_same_worker_takes_again_under_a_raised_token)
def token_kept_at_a_second_take(state: State, operation: TakeRun) -> Loaded:
    """The same worker gets the same token again."""
    before = state.runs.get(operation.run_id)
    loaded = leases.take_run(state, operation)
    if before is None or before.worker_id != operation.worker_id:
        return loaded
    state.runs[operation.run_id] = run = msgspec.structs.replace(loaded.run, token=before.token)
    return msgspec.structs.replace(loaded, run=run)


@breaks(TakeOver, TakeoverPromises.test_a_takeover_may_come_at_the_very_end_of_a_lease)
def alive_at_its_very_end(state: State, operation: TakeOver) -> list[str]:
    """A lease that ends now still counts, for whoever takes over."""
    return leases.take_over(state, msgspec.structs.replace(operation, lease_now=operation.lease_now - A_MOMENT))


@breaks(TakeOver, TakeoverPromises.test_a_takeover_may_come_after_a_reboot)
def reboot_forgotten(state: State, operation: TakeOver) -> list[str]:
    """A lease of another boot counts as if there had been none."""
    worker = state.workers.get(operation.worker_id)
    return leases.take_over(state, msgspec.structs.replace(operation, boot_id=worker.boot_id) if worker else operation)


@breaks(TakeOver, TakeoverPromises.test_a_takeover_raises_each_token)
def token_kept_at_takeover(state: State, operation: TakeOver) -> list[str]:
    """A takeover leaves the token as it is."""
    tokens = {run.run_id: run.token for run in state.runs.values()}
    taken = leases.take_over(state, operation)
    for run_id in taken:
        state.runs[run_id] = msgspec.structs.replace(state.runs[run_id], token=tokens[run_id])
    return taken


@breaks(TakeOver, TakeoverPromises.test_a_takeover_looks_at_the_lease_again)
def takeover_without_a_second_look(state: State, operation: TakeOver) -> list[str]:
    """A takeover trusts what the reaper saw a while ago."""
    return leases.take_over(state, msgspec.structs.replace(operation, proven=True))


@breaks(TakeOver, TakeoverPromises.test_a_takeover_leaves_a_worker_that_has_registered_again_since_it_was_found_dead)
def takeover_from_a_namesake(state: State, operation: TakeOver) -> list[str]:
    """A takeover takes from whoever has the id by now."""
    return leases.take_over(state, msgspec.structs.replace(operation, registered=None))


@breaks(TakeOver, TakeoverPromises.test_a_run_taken_over_too_often_is_poisoned)
def never_poisoned(state: State, operation: TakeOver) -> list[str]:
    """A run may kill workers for ever."""
    return leases.take_over(state, msgspec.structs.replace(operation, max_takeovers=1_000_000))


@breaks(TakeOver, TakeoverPromises.test_a_takeover_takes_every_run_of_a_dead_worker)
def worker_left_behind(state: State, operation: TakeOver) -> list[str]:
    """A dead worker's row stays."""
    worker = state.workers.get(operation.worker_id)
    taken = leases.take_over(state, operation)
    if worker is not None:
        state.workers[operation.worker_id] = worker
    return taken

"""Stores that claim what they should not, or in the wrong order."""

from itertools import chain

import msgspec

from perdure.core.records import Loaded
from perdure.stores.memory import queues
from perdure.stores.memory.state import State
from perdure.stores.port import (
    Claim,
)
from perdure.testing.store_suite.facets.queues import QueuePromises
from tests.broken.registry import breaks


@breaks(Claim, QueuePromises.test_the_limit_of_a_queue_holds_over_all_workers)
def limit_of_a_worker(state: State, operation: Claim) -> tuple[Loaded, ...]:
    """The limit of a queue counts what this worker runs, and not what the others do."""
    others = [run for run in state.runs.values() if run.worker_id not in {None, operation.worker_id}]
    for run in others:
        state.runs[run.run_id] = msgspec.structs.replace(run, queue="elsewhere")
    claimed = queues.claim(state, operation)
    for run in others:
        state.runs[run.run_id] = run
    return claimed


@breaks(Claim, QueuePromises.test_a_run_that_is_being_cancelled_keeps_its_place_in_the_limit)
def limit_without_the_cancelled(state: State, operation: Claim) -> tuple[Loaded, ...]:
    """A run that is being cancelled has lost its place, though it still runs."""
    cancelling = [run for run in state.runs.values() if run.status == "cancelling"]
    for run in cancelling:
        state.runs[run.run_id] = msgspec.structs.replace(run, queue="elsewhere")
    claimed = queues.claim(state, operation)
    for run in cancelling:
        state.runs[run.run_id] = run
    return claimed


@breaks(Claim, QueuePromises.test_what_is_not_due_yet_is_not_claimed)
def claimed_before_its_time(state: State, operation: Claim) -> tuple[Loaded, ...]:
    """What will be due is claimed."""
    times = [run.due_at for run in state.runs.values() if run.due_at is not None]
    return queues.claim(state, msgspec.structs.replace(operation, at=max(times, default=operation.at)))


@breaks(Claim, QueuePromises.test_only_the_workflows_that_are_named_are_claimed)
def any_workflow(state: State, operation: Claim) -> tuple[Loaded, ...]:
    """A worker gets what it can't run."""
    workflows = tuple({run.workflow for run in state.runs.values()})
    return queues.claim(state, msgspec.structs.replace(operation, workflows=workflows))


@breaks(Claim, QueuePromises.test_the_longest_due_of_all_queues_is_claimed_first)
def one_queue_after_the_other(state: State, operation: Claim) -> tuple[Loaded, ...]:
    """The first queue is emptied before anybody looks at the second."""
    claimed: list[Loaded] = []
    for queue in operation.queues:
        left = msgspec.structs.replace(operation, queues=(queue,), limit=operation.limit - len(claimed))
        claimed += queues.claim(state, left)
    return tuple(claimed)


@breaks(Claim, QueuePromises.test_the_longest_due_is_claimed_first)
def newest_first(state: State, operation: Claim) -> tuple[Loaded, ...]:
    """Who came last is served first."""
    due = sorted(chain(state.runs.values()), key=lambda run: run.due_at or operation.at)
    turned = {run.run_id: other.due_at for run, other in zip(due, reversed(due), strict=True)}
    for run in due:
        if run.status == "queued":
            state.runs[run.run_id] = msgspec.structs.replace(run, due_at=turned[run.run_id] or operation.at)
    return queues.claim(state, operation)

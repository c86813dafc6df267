"""Runs: made, suspended, released, ended, cancelled, restarted, failed, deleted.

Each operation takes the edge of `core.states.RUN_EDGES` that its docstring names. What follows from a change of
status is the same whoever makes it (`core.decisions.transitions`): the thread's status event where the run is the
turn at its thread's head; the end of its message and of its stream; its outcome to its parent; the next run of its
concurrency key; the cancel of its children.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.failures import Failure
from perdure.core.manifest import Outcome
from perdure.core.records import KeyHold, RunStatus


class CreateRun(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Make a queued run, claimable at once, unless there is one with this id. A holder may make a child so.

    Shape: the run as it is now; None where a holder's commit that has landed lands again, and the child was deleted
    since. `key` is a concurrency key: the runs of a tenant with one key run one after the
    other, in the order in which they were made; `hold` says for how long a run has it.
    Key: (tenant, run_id) and the hash.
    Raises: RunInputMismatch where the run is there with another `manifest_hash`; Deleted where it was deleted.
    """

    tenant: str | None
    run_id: str
    workflow: str
    manifest: bytes
    manifest_hash: str
    seed: str
    at: datetime
    queue: str = "default"
    project_id: str = "default"
    scenario_id: str | None = None
    version: str | None = None
    tags: dict[str, str] = {}
    parent_id: str | None = None
    parent_key: str | None = None
    thread_id: str | None = None
    key: str | None = None
    hold: KeyHold = "until_end"


class SuspendRun(msgspec.Struct, frozen=True, kw_only=True):
    """Give the lease back and wait: edge `suspend`. An end of a holder's commit.

    Shape: `due_at` is when a timer wakes it, None for never; `waiting_for` holds every key of every parked branch
    (see `core.keys`): a key that comes in and is not among them does not wake the run. `inbox` is what the attempt
    last read. `cleans_up` says that functions are to be called at a cancel. `parked` is why a worker must not claim
    it by itself: the code and the journal disagree.
    Key: the token, as `left_token` of the run.
    Raises: InboxMoved where something came in since, and the run keeps its lease; no wake-up is ever lost.
    """

    inbox: int
    at: datetime
    due_at: datetime | None = None
    waiting_for: tuple[str, ...] = ()
    cleans_up: bool = False
    parked: Failure | None = None


class ReleaseRun(msgspec.Struct, frozen=True, kw_only=True):
    """Give the lease back unfinished: edge `release`; claimable at once. An end. It counts as no death.

    Shape: one that is being cancelled ends; where it cleans up, and has time left for that, it is claimable for it.

    Key: the token, as `left_token` of the run.
    """

    at: datetime


class FinishRun(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """End the run: edge `complete`, `fail` or `seal` by `status`. An end of a holder's commit.

    Shape: `result` is an encoded value. `inbox`, where it is given, is what the attempt last read: a turn does not
    end while something has come in that nobody has read.
    Key: the token, as `left_token` of the run.
    Raises: InboxMoved, and the run keeps its lease; TooLarge for the result.
    """

    status: RunStatus
    at: datetime
    result: bytes | None = None
    failure: Failure | None = None
    outcome: Outcome | None = None
    inbox: int | None = None


class NoteCleanups(msgspec.Struct, frozen=True):
    """Remember that functions are to be called when the run is cancelled. A holder's.

    Shape: from then on a run without an owner is not cancelled at once: a worker claims it for them.
    Key: the note itself.
    """


class CancelRun(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for the end of a run: edge `cancel` (at once) without an owner, `cancel_owned` with one.

    Shape: the run as it is now. With an owner the inbox grows, and anybody may seal it after `within`. A suspended
    run that cleans up is claimable for that, until then. Its children are to be cancelled too: see CancelChildren.
    Units: `within` in seconds of lease time, so that no jump of the wall clock moves it.
    Key: the run has ended or is being cancelled; and `life`, where it is given: a run that was restarted since stays.
    Raises: RunNotFound.
    """

    tenant: str | None
    run_id: str
    at: datetime
    within: float
    reason: str = ""
    life: int | None = None


class CancelChildren(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel children of a run that was cancelled, at most `limit` of them, as CancelRun, with the run's own reason.

    Shape: whether there are more. The run's `cancels_children` is on as long as there are.
    Key: each child has ended or is being cancelled.
    """

    tenant: str | None
    run_id: str
    at: datetime
    within: float
    limit: int = 100


class SealRun(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel a run whose owner let its time for a cancel pass: edge `seal`; raises the token. For anybody.

    Shape: the run as it is now; unchanged where it is not cancelling, or its time has not passed.
    Key: the status `cancelling`.
    Raises: RunNotFound.
    """

    tenant: str | None
    run_id: str
    at: datetime


class RestartRun(msgspec.Struct, frozen=True, kw_only=True):
    """Queue a failed run again: edge `restart`; claimable at once, and no death counts any more.

    Shape: the run as it is now, with `life`. The failed steps at `reopen` wait for another attempt, due at `at`, with
    the attempts that they had, of which none counts against their policy; all others keep their outcome. A child's
    next end is an event of its own for its parent, a turn's message is being written again, and questions without
    an answer are open again.
    Key: `life`, one more than the run had: a run that has it, or more, stays as it is.
    Raises: RunNotFound; RunStateWrong where it has not failed; TurnSuperseded for a turn that is not at its thread's
    head: a thread has one turn at a time.
    """

    tenant: str | None
    run_id: str
    at: datetime
    life: int
    reopen: tuple[str, ...] = ()


class FailRun(msgspec.Struct, frozen=True, kw_only=True):
    """Fail a run that has no owner: edge `fail`. For a person who gives up a run that is parked.

    Shape: the run as it is now; one that has ended stays as it is.
    Raises: RunNotFound; RunStateWrong where it has an owner.
    """

    tenant: str | None
    run_id: str
    at: datetime
    failure: Failure


class DeleteRun(msgspec.Struct, frozen=True, kw_only=True):
    """Delete an ended run with its steps, events, questions, usage and stream; never a message.

    Shape: a tombstone stays for `core.records.TOMBSTONE_FOR`, so that a late landing of its CreateRun is refused.
    Key: the tombstone.
    Raises: RunNotFound; RunStateWrong where it has not ended, or has children that are to be cancelled still.
    """

    tenant: str | None
    run_id: str
    at: datetime

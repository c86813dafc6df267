"""What a store keeps, as frozen records.

The collector need not follow those of which there are many (`gc=False`): they hold plain data, so no cycle can.
A `tenant` stands in every record that a user's data is in; None is a tenant like any other.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from perdure.core.clock import instant
from perdure.core.failures import Failure
from perdure.core.manifest import Outcome
from perdure.core.usage import Usage

RunStatus = Literal["queued", "running", "suspended", "paused", "cancelling", "completed", "failed", "cancelled"]
StepStatus = Literal["running", "completed", "failed", "in_doubt"]
StepKind = Literal["logic", "llm", "tool", "deterministic", "event", "emit", "sleep", "child", "child_result"]
"""The kinds that perdure makes by itself. A record may have any other: users and later versions name their own."""
KeyHold = Literal["until_end", "while_running"]
"""For how long a run has its concurrency key: until it has ended, or only until it is suspended."""

TOMBSTONE_FOR = timedelta(days=7)
"""For how long a store remembers that something was deleted."""

STEP_BITS = 24
MAX_STEPS = 2**STEP_BITS - 1
ENTRY_BITS = 32
MAX_ENTRIES = 2**ENTRY_BITS - 1
"""How many steps, and how many events, one run can have: their numbers share an integer key with the run's."""


class Suspicion(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the deaths of its workers say of a run; progress takes it back (`core.suspicion`).

    Shape: `deaths` without progress between them, and those of them when it was `alone`, on trial with nothing beside
    it; a trial lasts until `trial_until`.
    Units: `ran_for`, how long its attempt had run at its last death, and `trial_until` in seconds of lease time.
    """

    deaths: int = 0
    deaths_alone: int = 0
    ran_for: float = 0.0
    alone: bool = False
    trial_until: float | None = None


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One execution of a workflow, and who may write to it.

    Shape: `token` grows with each takeover, `inbox` with everything that comes from outside, `life` with each
    restart. `left_token` is the token under which a holder last gave up the lease, `claim_id` the claim by which the
    worker got it. `ready_at` is since when it has been claimable, `due_at` when a timer makes it so; what waits for
    its concurrency key has a `ticket` instead. `waiting_for` holds the keys that wake a suspended run. A suspended run
    with a `failure` is parked. `result` is an encoded value.
    Units: `leased_at` and `cancel_until` in seconds of lease time.
    """

    run_id: str
    tenant: str | None = None
    workflow: str
    status: RunStatus
    queue: str = "default"
    project_id: str = "default"
    scenario_id: str | None = None
    version: str | None = None
    manifest_hash: str
    seed: str
    tags: dict[str, str] = {}
    token: int = 0
    left_token: int = 0
    claim_id: str | None = None
    life: int = 0
    inbox: int = 0
    worker_id: str | None = None
    leased_at: float | None = None
    suspicion: Suspicion | None = None
    ready_at: datetime | None = None
    due_at: datetime | None = None
    waiting_for: tuple[str, ...] = ()
    key: str | None = None
    hold: KeyHold = "until_end"
    has_key: bool = False
    ticket: int | None = None
    cleans_up: bool = False
    cancel_reason: str | None = None
    cancel_until: float | None = None
    cancels_children: bool = False
    parent_id: str | None = None
    parent_key: str | None = None
    thread_id: str | None = None
    turn: int | None = None
    reply_id: str | None = None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    result: bytes | None = None
    failure: Failure | None = None
    outcome: Outcome | None = None

    @property
    def is_parked(self) -> bool:
        """Whether it waits for code that agrees with its journal."""
        return self.status == "suspended" and self.failure is not None


class StepRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of a run; `position` is its identity, `number` says as which of the run's steps it was first written.

    Shape: replay compares its `kind`; a step with `retry_at` waits for its next attempt; one with `due_at` is a wait
    with that deadline; `result` is an encoded value; `opened` is the seq of the first entry of its lane, where it
    streams.
    Units: `started`, `completed`, `due` and `retry` in seconds since the epoch, as stores keep an instant; there are
    too many steps to make datetimes of what nobody reads. With `_at` they are datetimes.
    """

    position: str
    number: int = 0
    name: str
    kind: StepKind | str = "logic"
    status: StepStatus
    attempts: int = 1
    fingerprint: str | None = None
    result: bytes | None = None
    failure: Failure | None = None
    started: float
    completed: float | None = None
    due: float | None = None
    retry: float | None = None
    opened: int | None = None

    @property
    def started_at(self) -> datetime:
        """When its last attempt began."""
        return datetime.fromtimestamp(self.started, UTC)

    @property
    def completed_at(self) -> datetime | None:
        """When it ended."""
        return instant(self.completed)

    @property
    def due_at(self) -> datetime | None:
        """When its wait ends."""
        return instant(self.due)

    @property
    def retry_at(self) -> datetime | None:
        """When its next attempt begins."""
        return instant(self.retry)


class EventRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was emitted under a key of a run (`core.keys`), and by whom where that is known.

    Shape: `seq` is the run's inbox when it came; `emit_id` that of the call that emitted it.
    """

    run_id: str
    key: str
    seq: int
    payload: bytes
    emitted_at: datetime
    emit_id: str
    by: str | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a run asks a person; the answer comes to the run as an event. It is closed by the end of its run."""

    question_id: str
    tenant: str | None = None
    run_id: str
    kind: str
    prompt: str
    choices: tuple[str, ...] = ()
    position: str | None = None
    asked_at: datetime
    answer: bytes | None = None
    answer_id: str | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A process that executes runs.

    Shape: `incarnation` is new for each registration, `beat` rises with each renewal.
    Units: `lease_until` and `stall_until` in seconds of lease time of the boot `boot_id`.
    """

    worker_id: str
    incarnation: str
    host: str = ""
    pid: int = 0
    process_token: str = ""
    boot_id: str = ""
    lease_until: float
    stall_until: float
    stall_limit: float
    beat: int = 0
    queues: tuple[str, ...] = ()
    started_at: datetime
    renewed_at: datetime


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A concurrency key: the run that has it, and the number of the next ticket."""

    tenant: str | None
    key: str
    run_id: str | None = None
    next_ticket: int = 1


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt of a step took; `usage` is None where the provider did not say."""

    run_id: str
    position: str
    attempt: int
    usage: Usage | None
    model: str = ""


class Lease(msgspec.Struct, frozen=True, gc=False):
    """The right to write to a run: every holder's commit carries it, and is refused when the token is stale."""

    tenant: str | None
    run_id: str
    token: int


class Journal(msgspec.Struct, frozen=True, gc=False):
    """What the replay of a run needs, read at one instant, after its claim.

    Shape: steps in no order; `events` in the order of their seqs; `inbox` is the run's; `head` is the last seq of its
    stream, 0 when empty.
    """

    steps: tuple[StepRecord, ...] = ()
    events: tuple[EventRecord, ...] = ()
    inbox: int = 0
    head: int = 0


class News(msgspec.Struct, frozen=True, gc=False):
    """What has become of a run since its holder looked, read at one instant.

    Shape: `events` are those past the seq that was given; the rest is the run's row.
    """

    status: RunStatus
    token: int
    inbox: int
    cancel_reason: str | None = None
    events: tuple[EventRecord, ...] = ()

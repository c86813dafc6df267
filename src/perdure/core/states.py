"""The state tables: what may follow what, and why. Every check, document and hook reads them here.

A run is *queued* until a worker claims it, *running* while one holds its lease, *suspended* while it waits for an
event, an answer or a time and holds nothing. *Cancelling* is a promise with a deadline, made to a run whose owner is
alive; without an owner a run is cancelled at once, but for one that cleans up: a worker claims that for as long as the
deadline allows. *Completed*, *failed* and *cancelled* are ends; only a failed run leaves its end again, by a restart
that somebody asked for. *Paused* is kept for operators and not entered yet.

What can go wrong: two workers believe that they hold one run. So each edge out of *running* or *cancelling* that the
holder takes is guarded by its token, and each edge that somebody else takes (`takeover`, `seal`) raises the token.

A step is *running* from the moment its intent is stored (not every step stores one) to its outcome. *Completed* and
*failed* are final. *In doubt* means that it began and that nobody saw its end: a state, not an error, from which its
policy leads on (run again, fail, ask a person, tell the model).

A thread has no status of its own: it is what its latest turn's run says (`thread_status`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from perdure.core import keys
from perdure.core.messages import MessageStatus
from perdure.core.records import RunStatus, StepRecord, StepStatus

RunCause = Literal[
    "claim",
    "wake",
    "suspend",
    "release",
    "release_cleanup",
    "takeover",
    "takeover_cleanup",
    "complete",
    "fail",
    "cancel",
    "cancel_owned",
    "cancel_cleanup",
    "seal",
    "restart",
]
ThreadStatus = Literal["idle", "queued", "running", "waiting", "stopping", "completed", "failed", "stopped"]


class Edge(NamedTuple):
    """One row of the table: from a status, by a cause, to a status."""

    before: RunStatus
    cause: RunCause
    after: RunStatus


RUN_EDGES: tuple[Edge, ...] = (
    Edge("queued", "claim", "running"),
    Edge("suspended", "claim", "running"),
    Edge("cancelling", "claim", "cancelling"),
    Edge("suspended", "wake", "queued"),
    Edge("running", "suspend", "suspended"),
    Edge("running", "release", "queued"),
    Edge("running", "takeover", "queued"),
    Edge("running", "complete", "completed"),
    Edge("running", "fail", "failed"),
    Edge("queued", "cancel", "cancelled"),
    Edge("suspended", "cancel", "cancelled"),
    Edge("paused", "cancel", "cancelled"),
    Edge("running", "cancel_owned", "cancelling"),
    Edge("queued", "cancel_cleanup", "cancelling"),
    Edge("suspended", "cancel_cleanup", "cancelling"),
    Edge("running", "seal", "cancelled"),
    Edge("cancelling", "seal", "cancelled"),
    Edge("cancelling", "release", "cancelled"),
    Edge("cancelling", "release_cleanup", "cancelling"),
    Edge("cancelling", "takeover", "cancelled"),
    Edge("cancelling", "takeover_cleanup", "cancelling"),
    Edge("cancelling", "complete", "completed"),
    Edge("cancelling", "fail", "failed"),
    Edge("queued", "fail", "failed"),
    Edge("suspended", "fail", "failed"),
    Edge("paused", "fail", "failed"),
    Edge("failed", "restart", "queued"),
)

RUN_STATUSES: frozenset[RunStatus] = frozenset(get_args(RunStatus))
ENDED: frozenset[RunStatus] = frozenset({"completed", "failed", "cancelled"})
OWNED: frozenset[RunStatus] = frozenset({"running", "cancelling"})
FINAL: frozenset[StepStatus] = frozenset({"completed", "failed"})

MESSAGE_STATUS: dict[RunStatus, MessageStatus] = {"completed": "complete", "failed": "failed", "cancelled": "stopped"}
"""What a turn's message becomes with the end of its run."""

PHASES: dict[StepStatus, int] = {"running": 0, "in_doubt": 2, "completed": 3, "failed": 3}
WAITS_FOR_RETRY = 1

_NEXT: dict[tuple[RunStatus, RunCause], RunStatus] = {(edge.before, edge.cause): edge.after for edge in RUN_EDGES}


def run_after(status: RunStatus, cause: RunCause) -> RunStatus | None:
    """The status that follows, or None where the table has no such edge."""
    return _NEXT.get((status, cause))


def phase_of(step: StepRecord) -> int:
    """How far an attempt of a step has come: begun, waits for its next attempt, in doubt, ended."""
    return WAITS_FOR_RETRY if step.status == "running" and step.retry is not None else PHASES[step.status]


def step_moves_on(before: StepRecord | None, after: StepRecord) -> bool:
    """Whether a step's row changes so: forward by attempt, and within one by phase; an outcome is final."""
    if before is None:
        return True
    if before.status in FINAL:
        return False
    return (after.attempts, phase_of(after)) > (before.attempts, phase_of(before))


def thread_status(status: RunStatus | None) -> ThreadStatus:
    """A thread's status, from the run of its latest turn (None where there is none)."""
    return "idle" if status is None else _THREAD[status]


def wait_reason(status: RunStatus | None, waiting_for: tuple[str, ...]) -> str | None:
    """Why a turn waits: `retry` where it waits for nothing but its next attempt; None for what its record tells."""
    only_retries = status == "suspended" and waiting_for and all(map(keys.is_retry, waiting_for))
    return "retry" if only_retries else None


_THREAD: dict[RunStatus, ThreadStatus] = {
    "queued": "queued",
    "running": "running",
    "suspended": "waiting",
    "paused": "waiting",
    "cancelling": "stopping",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "stopped",
}

"""The state tables: what may follow what, and why. Every check, document and hook reads them here.

A run is *queued* until a worker claims it, *running* while one holds its lease, *suspended* while it waits for an
event, an answer or a time and holds nothing. *Cancelling* is a promise with a deadline, made to a run whose owner is
alive; without an owner a run is cancelled at once. *Completed*, *failed* and *cancelled* are ends; only a failed run
leaves its end again, by a restart that somebody asked for. *Paused* is kept for operators and not entered yet.

What can go wrong: two workers believe that they hold one run. So each edge out of *running* or *cancelling* that the
holder takes is guarded by its token, and each edge that somebody else takes (`takeover`, `seal`) raises the token.

A step is *running* from the moment its intent is stored (not every step stores one) to its outcome. *Completed* and
*failed* are final. *In doubt* means that it began and that nobody saw its end: a state, not an error, from which its
policy leads on (run again, fail, ask a person, tell the model).

A thread has no status of its own: it is what its latest turn's run says (`thread_status`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from perdure.core.records import RunStatus, StepStatus

RunCause = Literal[
    "claim", "wake", "suspend", "release", "takeover", "complete", "fail", "cancel", "cancel_owned", "seal", "restart"
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
    Edge("running", "seal", "cancelled"),
    Edge("cancelling", "seal", "cancelled"),
    Edge("cancelling", "release", "cancelled"),
    Edge("cancelling", "takeover", "cancelled"),
    Edge("cancelling", "complete", "completed"),
    Edge("cancelling", "fail", "failed"),
    Edge("queued", "fail", "failed"),
    Edge("failed", "restart", "queued"),
)

ENDED: frozenset[RunStatus] = frozenset({"completed", "failed", "cancelled"})
OWNED: frozenset[RunStatus] = frozenset({"running", "cancelling"})
FINAL: frozenset[StepStatus] = frozenset({"completed", "failed"})

STEP_EDGES: frozenset[tuple[StepStatus | None, StepStatus]] = frozenset(
    {
        (None, "running"),
        (None, "completed"),
        (None, "failed"),
        (None, "in_doubt"),
        ("running", "running"),
        ("running", "completed"),
        ("running", "failed"),
        ("running", "in_doubt"),
        ("in_doubt", "running"),
        ("in_doubt", "completed"),
        ("in_doubt", "failed"),
        ("in_doubt", "in_doubt"),
    }
)

_NEXT: dict[tuple[RunStatus, RunCause], RunStatus] = {(edge.before, edge.cause): edge.after for edge in RUN_EDGES}


def run_after(status: RunStatus, cause: RunCause) -> RunStatus | None:
    """The status that follows, or None where the table has no such edge."""
    return _NEXT.get((status, cause))


def step_may(before: StepStatus | None, after: StepStatus) -> bool:
    """Whether a step's row may change so."""
    return (before, after) in STEP_EDGES


def thread_status(status: RunStatus | None, waiting_for: tuple[str, ...] = ()) -> ThreadStatus:
    """A thread's status, from the run of its latest turn (None where there is none).

    A turn that only waits for its next attempt is running: a retry is the turn's own business.
    """
    if status is None:
        return "idle"
    if status == "suspended" and waiting_for and all(name.startswith("retry:") for name in waiting_for):
        return "running"
    return _THREAD[status]


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

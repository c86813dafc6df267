"""Runs and threads that are not there, exist already, or are in the wrong state; and who may write to them."""

from __future__ import annotations

from datetime import datetime

from perdure.errors.base import PerdureError


class RunError(PerdureError):
    """A call names a run, a thread or a part of one that can't take it."""


class RunNotFound(RunError):
    """No run has this id."""

    code = "run_not_found"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"no run {run_id!r}")
        self.run_id = run_id


class RunInputMismatch(RunError):
    """The run exists, with another manifest or another parent: one id is one input."""

    code = "run_input_mismatch"

    def __init__(
        self,
        run_id: str,
        found: str,
        given: str,
        *,
        workflow: str = "",
        given_workflow: str = "",
        parent_id: str | None = None,
    ) -> None:
        """Shape: `parent_id` is the run that would have it as its child, where it is not one."""
        how = f"with another input (stored {found[:12]}…, given {given[:12]}…)"
        if workflow != given_workflow:
            how = f"as a run of workflow {workflow!r}, and not of {given_workflow!r}"
        if parent_id is not None:
            how = f"and is not the child of run {parent_id!r} that has this id"
        super().__init__(f"run {run_id!r} exists {how}")
        self.run_id, self.found, self.given = run_id, found, given


class RunStateWrong(RunError):
    """The run's status does not allow what was asked."""

    code = "run_state_wrong"

    def __init__(self, run_id: str, status: str, wanted: str) -> None:
        super().__init__(f"run {run_id!r} is {status}; {wanted}")
        self.run_id, self.status, self.wanted = run_id, status, wanted


class QuestionNotFound(RunError):
    """No question has this id, or the step of this run and position asks nothing."""

    code = "question_not_found"

    def __init__(self, question_id: str = "", *, run_id: str = "", position: str = "") -> None:
        asks_nothing = f"step {position} of run {run_id!r} asks nothing"
        super().__init__(f"no question {question_id!r}" if question_id or not run_id else asks_nothing)
        self.question_id, self.run_id, self.position = question_id, run_id, position


class QuestionAnswered(RunError):
    """The question has its answer; the first one stays."""

    code = "question_answered"

    def __init__(self, question_id: str) -> None:
        super().__init__(f"question {question_id!r} is answered")
        self.question_id = question_id


class ThreadNotFound(RunError):
    """No thread has this id."""

    code = "thread_not_found"

    def __init__(self, thread_id: str, hint: str = "") -> None:
        super().__init__(f"no thread {thread_id!r}" + (f"; {hint}" if hint else ""))
        self.thread_id = thread_id


class ThreadChanged(RunError):
    """The thread is not as it was seen: its head, or its row, has changed since."""

    code = "thread_changed"
    retryable = True

    def __init__(self, thread_id: str, seen: int, found: int) -> None:
        super().__init__(f"thread {thread_id!r} has changed: seen {seen}, found {found}; read it, and decide again")
        self.thread_id, self.seen, self.found = thread_id, seen, found


class TurnNotFound(RunError):
    """The thread has no turn of this number."""

    code = "turn_not_found"

    def __init__(self, thread_id: str, turn: int) -> None:
        super().__init__(f"thread {thread_id!r} has no turn {turn}")
        self.thread_id, self.turn = thread_id, turn


class Deleted(RunError):
    """A run or a thread of this id was deleted lately: it is not made again under the same id."""

    code = "deleted"

    def __init__(self, kind: str, id: str) -> None:  # noqa: A002 - the field's name
        super().__init__(f"{kind} {id!r} was deleted; use another id")
        self.kind, self.id = kind, id


class NotAllowed(RunError):
    """Whoever asks may not do this, as the `authorize` of the app says. Nothing was changed."""

    code = "not_allowed"

    def __init__(self, action: str, id: str, principal: str | None) -> None:  # noqa: A002 - the field's name
        super().__init__(f"{principal or 'nobody in particular'} may not {action} {id!r}")
        self.action, self.id, self.principal = action, id, principal


class ThreadMismatch(RunError):
    """The thread is another agent's: one thread is one agent's."""

    code = "thread_mismatch"

    def __init__(self, thread_id: str, found: str, given: str) -> None:
        super().__init__(f"thread {thread_id!r} is of agent {found!r}, not of {given!r}; use its agent, or another id")
        self.thread_id, self.found, self.given = thread_id, found, given


class ThreadBusy(RunError):
    """A turn is running on the thread; stop it, or wait for it."""

    code = "thread_busy"
    retryable = True

    def __init__(self, thread_id: str, run_id: str, status: str) -> None:
        super().__init__(f"thread {thread_id!r} is {status} (run {run_id!r}); wait for it, or stop it")
        self.thread_id, self.run_id, self.status = thread_id, run_id, status


class TurnSuperseded(RunError):
    """A later turn of the thread follows this one, so it is not restarted; send its message again."""

    code = "turn_superseded"

    def __init__(self, run_id: str, thread_id: str, turn: int, head: int) -> None:
        super().__init__(
            f"run {run_id!r} is turn {turn} of thread {thread_id!r}, and turn {head} follows it; send its message again"
        )
        self.run_id, self.thread_id, self.turn, self.head = run_id, thread_id, turn, head


class TurnTooLong(RunError):
    """A turn asked its model as often as its agent allows, and was not done."""

    code = "turn_too_long"

    def __init__(self, agent: str, steps: int) -> None:
        super().__init__(f"agent {agent!r} was not done after {steps} model steps; raise max_steps if that is right")
        self.agent, self.steps = agent, steps


class MessageNotFound(RunError):
    """No message has this id."""

    code = "message_not_found"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"no message {message_id!r}")
        self.message_id = message_id


class MessageExists(RunError):
    """The message id is taken."""

    code = "message_exists"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"message {message_id!r} exists")
        self.message_id = message_id


class LeaseError(PerdureError):
    """Who may write to a run."""


class LeaseHeld(LeaseError):
    """Another worker is executing the run."""

    code = "lease_held"
    retryable = True

    def __init__(self, run_id: str, holder: str, expires_at: datetime | None) -> None:
        until = f" until {expires_at:%H:%M:%S} UTC unless renewed" if expires_at else ""
        super().__init__(f"run {run_id!r} is held by {holder}{until}")
        self.run_id, self.holder, self.expires_at = run_id, holder, expires_at


class LeaseLost(LeaseError):
    """The token is stale: another worker took the run over, or its lease was given back. Nothing was written."""

    code = "lease_lost"

    def __init__(self, run_id: str, token: int) -> None:
        super().__init__(f"token {token} of run {run_id!r} is stale")
        self.run_id, self.token = run_id, token


class WorkerExpired(LeaseError):
    """The worker's row is gone, or its lease has ended: it claims nothing until it has renewed or registered."""

    code = "worker_expired"

    def __init__(self, worker_id: str) -> None:
        super().__init__(f"worker {worker_id} has no live lease")
        self.worker_id = worker_id

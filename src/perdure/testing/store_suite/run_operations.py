"""The operations that tests commit, at the time that the test has set."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import cast

from perdure.core.chunks import Entry
from perdure.core.failures import Failure
from perdure.core.records import Question, RunStatus, StepRecord, StepStatus, WorkerRecord
from perdure.stores.port import (
    Answer,
    AppendEntries,
    Ask,
    CancelRun,
    Claim,
    CreateRun,
    DeleteRun,
    Emit,
    FinishRun,
    PutStep,
    RegisterWorker,
    ReleaseRun,
    RenewWorker,
    RestartRun,
    RetireWorker,
    SealRun,
    SuspendRun,
    TakeOver,
    TakeRun,
)


class RunOperations:
    """Operations with the time filled in."""

    at: datetime
    lease_now: float

    def __init__(self, at: datetime, lease_now: float, boot_id: str) -> None:
        self.at = at
        self.lease_now = lease_now
        self.boot_id = boot_id

    def after(self, seconds: float) -> datetime:
        """The instant so many seconds from now."""
        return self.at + timedelta(seconds=seconds)

    def create(
        self,
        run_id: str = "run",
        *,
        workflow: str = "flow",
        queue: str = "default",
        manifest: bytes = b"{}",
        manifest_hash: str = "hash",
        parent_id: str | None = None,
        thread_id: str | None = None,
    ) -> CreateRun:
        """A child's outcome goes to its parent's event `child:ID`."""
        return CreateRun(
            run_id=run_id,
            workflow=workflow,
            queue=queue,
            manifest=manifest,
            manifest_hash=manifest_hash,
            seed="seed",
            at=self.at,
            parent_id=parent_id,
            parent_key=f"child:{run_id}" if parent_id else None,
            thread_id=thread_id,
        )

    def register(self, worker_id: str = "ana", *, lease_for: float = 30.0) -> RegisterWorker:
        """A worker of the boot that is now."""
        worker = WorkerRecord(
            worker_id=worker_id,
            host="host",
            pid=1,
            process_token="1",  # noqa: S106 - not a password
            boot_id=self.boot_id,
            lease_until=self.lease_now + lease_for,
            queues=("default",),
            started_at=self.at,
            renewed_at=self.at,
        )
        return RegisterWorker(worker=worker)

    def renew(
        self, worker_id: str = "ana", *, lease_for: float = 30.0, executing: Iterable[str] | None = None
    ) -> RenewWorker:
        """A renewal from now on."""
        return RenewWorker(
            worker_id=worker_id,
            lease_until=self.lease_now + lease_for,
            lease_now=self.lease_now,
            at=self.at,
            executing=None if executing is None else frozenset(executing),
        )

    def retire(self, worker_id: str = "ana") -> RetireWorker:
        """The end of a worker that stops."""
        return RetireWorker(worker_id=worker_id, at=self.at)

    def take(self, run_id: str = "run", worker_id: str = "ana") -> TakeRun:
        """The lease of one run."""
        return TakeRun(run_id=run_id, worker_id=worker_id, at=self.at, lease_now=self.lease_now, boot_id=self.boot_id)

    def take_over(self, worker_id: str = "ana", *, proven: bool = False, max_takeovers: int = 5) -> TakeOver:
        """The runs of a dead worker."""
        return TakeOver(
            worker_id=worker_id,
            at=self.at,
            lease_now=self.lease_now,
            boot_id=self.boot_id,
            proven=proven,
            max_takeovers=max_takeovers,
        )

    def claim(
        self,
        worker_id: str = "ana",
        *,
        queues: tuple[tuple[str, int | None], ...] = (("default", None),),
        workflows: tuple[str, ...] = ("flow",),
        limit: int = 10,
    ) -> Claim:
        """What is due."""
        return Claim(
            worker_id=worker_id,
            queues=queues,
            workflows=workflows,
            limit=limit,
            at=self.at,
            lease_now=self.lease_now,
        )

    def suspend(
        self, run_id: str = "run", *, inbox: int = 0, due_in: float | None = None, waiting_for: tuple[str, ...] = ()
    ) -> SuspendRun:
        """A wait, with a timer where `due_in` says."""
        due_at = None if due_in is None else self.after(due_in)
        return SuspendRun(run_id=run_id, inbox=inbox, at=self.at, due_at=due_at, waiting_for=waiting_for)

    def release(self, run_id: str = "run") -> ReleaseRun:
        """The lease, given back."""
        return ReleaseRun(run_id=run_id, at=self.at)

    def finish(self, run_id: str = "run", status: str = "completed") -> FinishRun:
        """The end of a run."""
        failed = status == "failed"
        return FinishRun(
            run_id=run_id,
            status=cast("RunStatus", status),
            at=self.at,
            result=b'"done"' if status == "completed" else None,
            failure=Failure(cause_type="ValueError", message="no", positions=("1",)) if failed else None,
        )

    def cancel(self, run_id: str = "run", *, within: float = 5.0, reason: str = "") -> CancelRun:
        """A request to end."""
        return CancelRun(run_id=run_id, at=self.at, cancel_by=self.after(within), reason=reason)

    def seal(self, run_id: str = "run") -> SealRun:
        """The end of a run whose owner is deaf."""
        return SealRun(run_id=run_id, at=self.at)

    def restart(self, run_id: str = "run", *, reopen: tuple[str, ...] = ()) -> RestartRun:
        """Another chance for a failed run."""
        return RestartRun(run_id=run_id, at=self.at, reopen=reopen)

    def delete(self, run_id: str = "run") -> DeleteRun:
        """The end of all that is left of a run."""
        return DeleteRun(run_id=run_id)

    def step(
        self, run_id: str = "run", position: str = "0", status: str = "completed", *, result: bytes | None = b"1"
    ) -> PutStep:
        """A step's row."""
        ended = status in {"completed", "failed"}
        step = StepRecord(
            position=position,
            name=f"step {position}",
            status=cast("StepStatus", status),
            result=result if status == "completed" else None,
            failure=Failure(cause_type="ValueError", message="no") if status == "failed" else None,
            started=self.at.timestamp(),
            completed=self.at.timestamp() if ended else None,
        )
        return PutStep(run_id, step)

    def emit(self, run_id: str = "run", key: str = "go", payload: bytes = b"1") -> Emit:
        """An event from outside."""
        return Emit(run_id=run_id, key=key, payload=payload, at=self.at)

    def ask(self, run_id: str = "run", question_id: str = "why") -> Ask:
        """A question of a run."""
        question = Question(
            question_id=question_id,
            run_id=run_id,
            kind="in_doubt",
            prompt="Again?",
            choices=("yes", "no"),
            asked_at=self.at,
        )
        return Ask(question=question)

    def answer(self, question_id: str = "why", answer: bytes = b'"yes"', by: str | None = "eve") -> Answer:
        """A person's answer."""
        return Answer(question_id=question_id, answer=answer, by=by, at=self.at)

    def append(self, run_id: str = "run", *seqs: int) -> AppendEntries:
        """Entries with these seqs, each with its seq as its body."""
        return AppendEntries(run_id, tuple(Entry(seq, seq, b"[%d]" % seq) for seq in seqs))

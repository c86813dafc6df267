"""The operations on runs that tests commit, at the time that the test has set."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import cast

from perdure.core import keys
from perdure.core.chunks import RUN_LANE, Chunk, Entry, chunk_entry, reset_entry
from perdure.core.failures import Failure
from perdure.core.operations import (
    Answer,
    AppendEntries,
    Ask,
    CancelChildren,
    CancelRun,
    CreateRun,
    DeleteRun,
    Emit,
    FailRun,
    FinishRun,
    NoteCleanups,
    PutStep,
    ReleaseRun,
    ReplaceLane,
    RestartRun,
    SealRun,
    SuspendRun,
)
from perdure.core.records import KeyHold, Question, RunStatus, StepRecord, StepStatus
from perdure.testing.manual_clock import ManualClock

GO = keys.event("go")
DIVERGED = Failure(cause_type="Divergence", message="the code has changed", reason="diverged")


class RunOperations:
    """Operations with the tenant, the time and a fresh key filled in."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.tenant: str | None = None
        self._numbers: dict[str, int] = {}
        self._count = count(1)

    @property
    def at(self) -> datetime:
        """The instant of now."""
        return self.clock.at

    def after(self, seconds: float) -> datetime:
        """The instant so many seconds from now."""
        return self.at + timedelta(seconds=seconds)

    def next_number(self) -> int:
        """A number that rises with each call."""
        return next(self._count)

    def create(
        self,
        run_id: str = "run",
        *,
        workflow: str = "flow",
        queue: str = "default",
        manifest: bytes = b"{}",
        manifest_hash: str = "hash",
        parent_id: str | None = None,
        key: str | None = None,
        hold: KeyHold = "until_end",
    ) -> CreateRun:
        """A run; a child's outcome goes to its parent's event `child:ID`."""
        return CreateRun(
            tenant=self.tenant,
            run_id=run_id,
            workflow=workflow,
            queue=queue,
            manifest=manifest,
            manifest_hash=manifest_hash,
            seed="seed",
            at=self.at,
            parent_id=parent_id,
            parent_key=keys.child(run_id) if parent_id else None,
            key=key,
            hold=hold,
        )

    def suspend(
        self,
        *waiting_for: str,
        inbox: int = 0,
        due_in: float | None = None,
        cleans_up: bool = False,
        parked: Failure | None = None,
    ) -> SuspendRun:
        """A wait for keys, with a timer where `due_in` says."""
        due_at = None if due_in is None else self.after(due_in)
        return SuspendRun(
            inbox=inbox, at=self.at, due_at=due_at, waiting_for=waiting_for, cleans_up=cleans_up, parked=parked
        )

    def release(self) -> ReleaseRun:
        """The lease, given back."""
        return ReleaseRun(at=self.at)

    def finish(self, status: str = "completed", *, inbox: int | None = None) -> FinishRun:
        """The end of a run."""
        failed = status == "failed"
        return FinishRun(
            status=cast("RunStatus", status),
            at=self.at,
            result=b'"done"' if status == "completed" else None,
            failure=Failure(cause_type="ValueError", message="no", positions=("1",)) if failed else None,
            inbox=inbox,
        )

    def note_cleanups(self) -> NoteCleanups:
        """That functions are to be called at a cancel."""
        return NoteCleanups()

    def cancel(
        self, run_id: str = "run", *, within: float = 5.0, reason: str = "", life: int | None = None
    ) -> CancelRun:
        """A request to end."""
        return CancelRun(tenant=self.tenant, run_id=run_id, at=self.at, within=within, reason=reason, life=life)

    def cancel_children(self, run_id: str = "run", *, within: float = 5.0, limit: int = 100) -> CancelChildren:
        """A request to end the children of a run."""
        return CancelChildren(tenant=self.tenant, run_id=run_id, at=self.at, within=within, limit=limit)

    def seal(self, run_id: str = "run") -> SealRun:
        """The end of a run whose owner does not answer."""
        return SealRun(tenant=self.tenant, run_id=run_id, at=self.at)

    def restart(self, run_id: str = "run", *, life: int = 1, reopen: tuple[str, ...] = ()) -> RestartRun:
        """Another attempt at a failed run."""
        return RestartRun(tenant=self.tenant, run_id=run_id, at=self.at, life=life, reopen=reopen)

    def fail(self, run_id: str = "run") -> FailRun:
        """The end of a run that a person gives up."""
        failure = Failure(cause_type="GivenUp", message="given up")
        return FailRun(tenant=self.tenant, run_id=run_id, at=self.at, failure=failure)

    def delete(self, run_id: str = "run") -> DeleteRun:
        """The end of all that is left of a run."""
        return DeleteRun(tenant=self.tenant, run_id=run_id, at=self.at)

    def step(
        self,
        position: str = "0",
        status: str = "completed",
        *,
        result: bytes | None = b"1",
        attempts: int = 1,
        inbox: int | None = None,
    ) -> PutStep:
        """A step's row; the same position has the same number in every run."""
        ended = status in {"completed", "failed"}
        step = StepRecord(
            position=position,
            number=self._numbers.setdefault(position, len(self._numbers)),
            name=f"step {position}",
            status=cast("StepStatus", status),
            attempts=attempts,
            result=result if status == "completed" else None,
            failure=Failure(cause_type="ValueError", message="no") if status == "failed" else None,
            started=self.at.timestamp(),
            completed=self.at.timestamp() if ended else None,
        )
        return PutStep(step, inbox)

    def emit(
        self,
        run_id: str = "run",
        key: str = GO,
        payload: bytes = b"1",
        *,
        by: str | None = None,
        many: bool = False,
        step: StepRecord | None = None,
    ) -> Emit:
        """An event, from outside, or of the run whose `step` it is."""
        return Emit(
            tenant=self.tenant,
            run_id=run_id,
            key=key,
            payload=payload,
            at=self.at,
            emit_id=f"emit-{self.next_number()}",
            by=by,
            many=many,
            step=step,
        )

    def ask(self, question_id: str = "why", *, run_id: str = "run") -> Ask:
        """A question of a run."""
        question = Question(
            question_id=question_id,
            tenant=self.tenant,
            run_id=run_id,
            kind="in_doubt",
            prompt="Again?",
            choices=("yes", "no"),
            asked_at=self.at,
        )
        return Ask(question=question)

    def answer(self, question_id: str = "why", answer: bytes = b'"yes"', *, by: str | None = "eve") -> Answer:
        """A person's answer."""
        answer_id = f"answer-{self.next_number()}"
        return Answer(
            tenant=self.tenant, question_id=question_id, answer=answer, answer_id=answer_id, by=by, at=self.at
        )

    def append(self, *seqs: int, lane: str = RUN_LANE) -> AppendEntries:
        """Entries with these seqs, each with its seq as its text; each covers nothing but itself."""
        return AppendEntries(tuple(self.entry(seq, lane) for seq in seqs))

    def reset(self, seq: int, lane: str = RUN_LANE) -> AppendEntries:
        """The entry that takes a lane back."""
        return AppendEntries((reset_entry(lane, seq),))

    def entry(self, seq: int, lane: str = RUN_LANE) -> Entry:
        """An entry of one chunk with its seq as its text."""
        return chunk_entry(Chunk(kind="text", text=str(seq), part=0), lane, seq, seq)

    def replace(self, seq: int, *, opened: int = 1, lane: str = RUN_LANE, body: bytes = b'{"items":[]}') -> ReplaceLane:
        """An entry that stands for a lane."""
        return ReplaceLane(Entry(lane, 1, seq, body), opened)


def keys_of(names: Iterable[str]) -> tuple[str, ...]:
    """The keys of events with these names."""
    return tuple(map(keys.event, names))

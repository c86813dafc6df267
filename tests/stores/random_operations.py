"""Random operations on a few runs, threads and workers: most make sense, some are stale, late or repeated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

import msgspec

from perdure.core.chunks import Chunk, Entry, chunk_entry, reset_entry
from perdure.core.compaction import compact
from perdure.core.failures import Failure
from perdure.core.messages import Message, MessageStatus, TextPart, ToolCallPart
from perdure.core.operations import (
    AddMessage,
    AddThreadEvent,
    Answer,
    AppendEntries,
    Ask,
    CancelChildren,
    CancelRun,
    Claim,
    CreateRun,
    CreateThread,
    DeleteRun,
    DeleteThread,
    Emit,
    FailRun,
    FinishRun,
    HolderOperation,
    NoteCleanups,
    OutsideOperation,
    PutParts,
    PutStep,
    PutUsage,
    RegisterWorker,
    ReleaseRun,
    RenewWorker,
    ReplaceLane,
    RestartRun,
    RetireWorker,
    SealRun,
    SetMessage,
    StartTurn,
    SuspendRun,
    TakeOver,
    TakeRun,
    UpdateThread,
)
from perdure.core.records import Lease, Question, RunStatus, StepRecord, StepStatus
from perdure.core.threads import ThreadRecord, TurnRef
from perdure.core.usage import Usage

T = TypeVar("T")

TENANTS = (None, "t")
RUNS = tuple(f"r{number}" for number in range(6))
THREADS = ("a", "b", "c")
WORKERS = ("w", "v")
QUEUES = ("default", "slow")
WORKFLOWS = ("f", "g")
EVENTS = ("event:x", "event:y", "child:0", "child:0#2", "question:q0")


class RandomOperations:
    """Makes them, one after the other; `at` is the instant that they carry."""

    def __init__(self, seed: int | Random) -> None:
        self._random = seed if isinstance(seed, Random) else Random(seed)
        self._number = 0
        self._beat = 0
        self.at = datetime(2026, 1, 1).astimezone()

    def choose(self, *values: T) -> T:
        return self._random.choice(values)

    def one_of(self, values: Sequence[T]) -> T:
        return self._random.choice(values)

    def happens(self, share: float) -> bool:
        return self._random.random() < share

    def number(self, limit: int) -> int:
        return self._random.randrange(limit)

    def fresh(self, name: str) -> str:
        self._number += 1
        return f"{name}{self._number}"

    def _tenant(self) -> str | None:
        return "t" if self.happens(0.12) else None

    def _at(self) -> datetime:
        self.at += timedelta(seconds=self.choose(0, 1, 5))
        return self.at

    # Outside.

    def beginning(self) -> list[OutsideOperation]:
        """Workers and threads, so that what follows finds some."""
        workers = [self._register(worker_id, "1") for worker_id in WORKERS]
        return [*workers, *(self._create_thread(None, thread_id, None) for thread_id in THREADS[:2])]

    def outside(self) -> OutsideOperation:
        make = self.choose(
            self._claim,
            self._claim,
            self._claim,
            self._create_run,
            self._create_run,
            self._cancel,
            self._seal,
            self._restart,
            self._small,
            self._worker,
            self._worker,
            self._emit,
            self._emit,
            self._answer,
            self._thread,
            self._start_turn,
            self._start_turn,
        )
        return make()

    def _create_run(self, run_id: str | None = None, tenant: str | None = None) -> CreateRun:
        is_child = run_id is None and self.happens(0.3)
        tenant, run_id = (self._tenant(), self.choose(*RUNS)) if run_id is None else (tenant, run_id)
        return CreateRun(
            tenant=tenant,
            run_id=run_id,
            workflow=self.choose(*WORKFLOWS),
            manifest=b'{"a": 1}',
            manifest_hash="h" if self.happens(0.93) else "other",
            seed="s",
            at=self._at(),
            queue=self.choose(*QUEUES),
            version=self.choose(None, "2"),
            tags=self.choose({}, {"a": "b"}),
            parent_id=self.choose(*(one for one in RUNS if one != run_id)) if is_child else None,
            parent_key="child:0" if is_child else None,
            key=self.choose(None, None, "k"),
            hold=self.choose("until_end", "while_running"),
        )

    def _claim(self) -> OutsideOperation:
        worker_id = self.choose(*WORKERS)
        claim_id = self.fresh("c") if self.happens(0.9) else f"c{self._number}"
        if self.happens(0.2):
            return TakeRun(
                tenant=self._tenant(),
                run_id=self.choose(*RUNS),
                worker_id=worker_id,
                incarnation=self.choose("1", "1", "1", "1", "1", "2"),
                claim_id=claim_id,
                at=self._at(),
            )
        queues = self.choose((("default", None),), (("default", None), ("slow", 2)), (("slow", 1),))
        workflows = self.choose(("f", "g"), ("f",))
        incarnation = self.choose("1", "1", "1", "1", "1", "2")
        return Claim(
            worker_id=worker_id,
            incarnation=incarnation,
            claim_id=claim_id,
            queues=queues,
            workflows=workflows,
            limit=self.choose(1, 2, 5),
            at=self._at(),
            parked=tuple((self._tenant(), run_id) for run_id in RUNS) if self.happens(0.2) else (),
        )

    def _cancel(self) -> OutsideOperation:
        tenant, run_id = self._tenant(), self.choose(*RUNS)
        if self.happens(0.3):
            return CancelChildren(tenant=tenant, run_id=run_id, at=self._at(), within=5.0, limit=self.choose(1, 100))
        reason, life = self.choose("", "why"), self.choose(None, None, 0, 1)
        return CancelRun(tenant=tenant, run_id=run_id, at=self._at(), within=5.0, reason=reason, life=life)

    def _seal(self) -> OutsideOperation:
        return SealRun(tenant=self._tenant(), run_id=self.choose(*RUNS), at=self._at())

    def _restart(self) -> OutsideOperation:
        life, reopen = self.choose(1, 1, 2), self.choose((), ("0",), ("0", "1", "nowhere"))
        return RestartRun(tenant=self._tenant(), run_id=self.choose(*RUNS), at=self._at(), life=life, reopen=reopen)

    def _small(self) -> OutsideOperation:
        tenant, run_id, at = self._tenant(), self.choose(*RUNS), self._at()
        if self.happens(0.5):
            return FailRun(tenant=tenant, run_id=run_id, at=at, failure=Failure(cause_type="Gone", message="given up"))
        return DeleteRun(tenant=tenant, run_id=run_id, at=at)

    def _worker(self) -> OutsideOperation:
        worker_id, incarnation, at = self.choose(*WORKERS), self.choose("1", "1", "1", "1", "1", "2"), self._at()
        self._beat += 1
        make = self.choose("register", "register", "renew", "renew", "take over", "retire")
        if make == "register" or (make == "retire" and self.happens(0.5)):
            return self._register(worker_id, incarnation)
        if make == "renew":
            executing = self.choose(None, frozenset({(None, "r0"), ("t", "r1")}))
            return RenewWorker(
                worker_id=worker_id,
                incarnation=incarnation,
                beat=self._beat - self.choose(0, 0, 3),
                lease_for=300.0,
                at=at,
                executing=executing,
            )
        if make == "take over":
            return TakeOver(worker_id=worker_id, incarnation=incarnation, at=at, limit=self.choose(1, 2, 100))
        return RetireWorker(worker_id=worker_id, incarnation=incarnation, at=at, limit=self.choose(1, 100))

    def _register(self, worker_id: str, incarnation: str) -> RegisterWorker:
        return RegisterWorker(
            worker_id=worker_id, incarnation=incarnation, at=self._at(), lease_for=300.0, queues=("a",)
        )

    def _emit(self) -> Emit:
        is_channel = self.happens(0.3)
        return Emit(
            tenant=self._tenant(),
            run_id=self.choose(*RUNS),
            key="channel:z" if is_channel else self.choose(*EVENTS),
            payload=b"1",
            at=self._at(),
            emit_id=self.fresh("e") if self.happens(0.8) else f"e{self._number}",
            by=self.choose(None, "ana"),
            many=is_channel,
        )

    def _answer(self) -> Answer:
        question_id, answer_id = f"q{self.number(3)}", self.choose("a1", "a2")
        return Answer(
            tenant=self._tenant(), question_id=question_id, answer=b"true", answer_id=answer_id, by="ana", at=self._at()
        )

    def _thread(self) -> OutsideOperation:
        tenant, thread_id, at = self._tenant(), self.choose(*THREADS), self._at()
        make = self.choose("create", "create", "create", "update", "delete", "event", "event", "message", "message")
        if make == "create":
            root = TurnRef(self.choose(*THREADS), 1 + self.number(2)) if self.happens(0.5) else None
            return self._create_thread(tenant, thread_id, root)
        if make == "update":
            title, version = self.choose(None, "title"), self.choose(None, None, 0, 1)
            return UpdateThread(
                tenant=tenant, thread_id=thread_id, at=at, title=title, settings={"b": None}, version=version
            )
        if make == "delete":
            return DeleteThread(tenant=tenant, thread_id=thread_id, at=at)
        if make == "event":
            event_id = self.choose("one", "two", "three")
            return AddThreadEvent(
                tenant=tenant, thread_id=thread_id, event_id=event_id, kind="note", body={"a": 1}, at=at
            )
        return AddMessage(self._message(tenant, thread_id, self.choose("m1", "m2"), "user", turn=1 + self.number(2)))

    def _create_thread(self, tenant: str | None, thread_id: str, root: TurnRef | None) -> CreateThread:
        owner, metadata, at = self.choose(None, "ana"), self.choose({}, {"a": [1]}), self._at()
        thread = ThreadRecord(
            thread_id=thread_id, tenant=tenant, agent="x", owner=owner, metadata=metadata, created_at=at, root=root
        )
        return CreateThread(thread=thread)

    def _message(self, tenant: str | None, thread_id: str, message_id: str, role: Any, turn: int = 0) -> Message:
        return Message(
            message_id=message_id,
            tenant=tenant,
            thread_id=thread_id,
            turn=turn,
            place=self.number(4),
            client_id=self.choose(None, None, "mine"),
            role=role,
            status="streaming" if role == "assistant" else "complete",
            parts=(TextPart(text="hello"),) if role == "user" else (),
            created_at=self._at(),
        )

    def _start_turn(self) -> StartTurn:
        tenant, thread_id = self._tenant(), self.choose(*THREADS)
        run = self._create_run(self.choose(*RUNS), tenant)
        messages = (
            self._message(tenant, thread_id, self.fresh("user"), "user"),
            self._message(tenant, thread_id, f"reply-{run.run_id}", "assistant"),
        )
        after, head = self.choose(None, None, 0, 1), self.choose(None, None, 1)
        return StartTurn(tenant=tenant, thread_id=thread_id, run=run, messages=messages, after=after, head=head)

    # A holder's.

    def commit(self, lease: Lease, head: int, inbox: int) -> tuple[HolderOperation, ...]:
        make = self._say if self.happens(0.1) else self._own
        operations = [make(lease, head) for _ in range(self.choose(1, 1, 1, 1, 1, 2, 3))]
        if self.happens(0.05):
            operations.append(self._emit_as_step())
        if self.happens(0.2):
            operations.append(self._end(inbox))
        return tuple(operations)

    def _own(self, lease: Lease, head: int) -> HolderOperation:
        make = self.choose(self._step, self._step, self._step, self._append, self._append, self._replace, self._rest)
        return make(lease, head)

    def _step(self, _: Lease, head: int) -> PutStep:
        number = self.number(4)
        statuses: tuple[StepStatus, ...] = ("running", "completed", "completed", "failed", "in_doubt")
        status = self.one_of(statuses)
        failure = Failure(cause_type="E", message="no") if status == "failed" else None
        return PutStep(
            StepRecord(
                position=str(number) if self.happens(0.95) else f"{number}.0",
                number=number,
                name="step",
                status=status,
                attempts=1 + self.number(2),
                result=self.choose(b"1", b"2") if status == "completed" else None,
                failure=failure,
                started=1.0,
                completed=2.0 if status in {"completed", "failed"} else None,
                retry=3.0 if status == "running" and self.happens(0.3) else None,
                opened=self.choose(None, head),
            ),
            inbox=self.number(3) if self.happens(0.2) else None,
        )

    def _emit_as_step(self) -> Emit:
        number = self.number(4)
        step = StepRecord(
            position=str(number), number=number, name="step", status="completed", started=1.0, completed=2.0
        )
        return msgspec.structs.replace(self._emit(), step=step)

    def _entries(self, head: int) -> tuple[Entry, ...]:
        lane, entries = self.choose("", "0", "1"), list[Entry]()
        for seq in range(head + 1, head + 1 + self.choose(1, 1, 2)):
            chunk = Chunk(kind="text", text="ab", part=self.number(2), step=self.choose(None, 1))
            begins = 1 + self.number(seq)
            entries.append(reset_entry(lane, seq) if self.happens(0.2) else chunk_entry(chunk, lane, begins, seq))
        return tuple(entries)

    def _append(self, _: Lease, head: int) -> AppendEntries:
        return AppendEntries(self._entries(head + self.choose(0, 0, 0, 0, -1, 1) if head else head))

    def _replace(self, _: Lease, head: int) -> ReplaceLane:
        chunks = [Chunk(kind="text", text="ab", seq=head + 1)]
        return ReplaceLane(compact(self.choose("0", "1"), head + 1, chunks, "reply"), 1 + self.number(head + 1))

    def _say(self, lease: Lease, _: int) -> HolderOperation:
        run_id = lease.run_id if self.happens(0.9) else self.choose(*RUNS)
        message_id, version = f"reply-{run_id}", self.number(9)
        if self.happens(0.5):
            part = self.choose(TextPart(text="said"), ToolCallPart(call_id="c", tool="t"))
            return PutParts(message_id=message_id, first=self.number(3), parts=(part,), version=version)
        statuses: tuple[MessageStatus | None, ...] = (None, "complete", "stopped", "streaming")
        status = self.one_of(statuses)
        return SetMessage(message_id=message_id, version=version, at=self._at(), status=status, model="m")

    def _rest(self, lease: Lease, _: int) -> HolderOperation:
        make = self.choose("ask", "emit", "create", "usage", "note")
        if make == "ask":
            asked = Question(
                question_id=f"q{self.number(3)}",
                tenant=lease.tenant,
                run_id=lease.run_id,
                kind="in_doubt",
                prompt="?",
                choices=("yes",),
                asked_at=self._at(),
            )
            return Ask(question=asked)
        if make == "emit":
            return self._emit()
        if make == "create":
            return self._create_run()
        if make == "usage":
            usage = self.choose(None, Usage(requests=1, input_tokens=3))
            return PutUsage(position="0", attempt=1 + self.number(2), usage=usage, model="m")
        return NoteCleanups()

    def _end(self, inbox: int) -> HolderOperation:
        at, inbox = self._at(), inbox if self.happens(0.9) else self.number(3)
        make = self.choose("suspend", "suspend", "release", "finish", "finish")
        if make == "suspend":
            return SuspendRun(
                inbox=inbox,
                at=at,
                due_at=self.choose(None, at + timedelta(seconds=20)),
                waiting_for=self.choose((), ("event:x",), ("channel:z", "child:0"), ("retry:0",)),
                cleans_up=self.happens(0.2),
                parked=Failure(cause_type="D", message="diverged") if self.happens(0.2) else None,
            )
        if make == "release":
            return ReleaseRun(at=at)
        statuses: tuple[RunStatus, ...] = ("completed", "failed", "cancelled")
        status = self.one_of(statuses)
        failure = Failure(cause_type="E", message="no") if status == "failed" else None
        result = b"3" if status == "completed" else None
        return FinishRun(status=status, at=at, result=result, failure=failure, inbox=self.choose(None, inbox))

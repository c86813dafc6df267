"""What decisions ask of the rows (`core.decisions.reads`), answered from the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from perdure.core.chunks import is_compacted
from perdure.core.decisions import reads
from perdure.core.messages import ToolCallPart, decode_part
from perdure.core.records import RunRecord
from perdure.core.states import ENDED, run_after
from perdure.core.threads import TurnRecord
from perdure.core.values import Value
from perdure.stores.memory.state import RunRows, State

T = TypeVar("T")


def rows_of(state: State, run: RunRecord) -> RunRows:
    """What belongs to a run that is there."""
    return state.of_run[run.tenant, run.run_id]


def head_of(state: State, run: RunRecord) -> int:
    """The last seq of a run's log, 0 when empty."""
    return max(rows_of(state, run).log, default=0)


def claimable_since(run: RunRecord, request: reads.GetClaimable) -> float | None:
    """Since when a run is claimable, as seconds; None where it is not."""
    if run.queue != request.queue or run.workflow not in request.workflows or run.worker_id is not None:
        return None
    if run_after(run.status, "claim") is None:
        return None
    if run.ready_at is not None:
        return run.ready_at.timestamp()
    if run.due_at is not None and run.due_at <= request.at:
        return run.due_at.timestamp()
    return None


def _claimable(state: State, request: reads.GetClaimable) -> list[RunRecord]:
    since = [(claimable_since(run, request), run) for run in state.runs.values()]
    found = sorted(((at, run) for at, run in since if at is not None), key=lambda one: one[0])
    return [run for _, run in found[: request.limit]]


def _event(state: State, request: reads.GetEvent) -> Value:
    events = rows_of(state, request.run).events.values()
    wanted = (event for event in events if event.key == request.key)
    return next((event for event in wanted if request.emit_id in {None, event.emit_id}), None)


def _owned(state: State, worker_id: str) -> list[RunRecord]:
    return [run for run in state.runs.values() if run.worker_id == worker_id]


def _holding(state: State, request: reads.GetHolding) -> tuple[bool, list[RunRecord]]:
    owned = _owned(state, request.worker_id)
    return bool(owned), [run for run in owned if run.suspicion is not None]


def _children(state: State, request: reads.GetChildren) -> list[RunRecord]:
    parent = (request.run.tenant, request.run.run_id)
    children = (run for run in state.runs.values() if (run.tenant, run.parent_id) == parent)
    return [run for run in children if run.status not in ENDED and run.status != "cancelling"][: request.limit]


def _next_ticket(state: State, request: reads.GetNextTicket) -> RunRecord | None:
    key = (request.key.tenant, request.key.key)
    waiting = [run for run in state.runs.values() if (run.tenant, run.key) == key and run.ticket is not None]
    return min(waiting, key=lambda run: run.ticket or 0, default=None)


def _pending_calls(state: State, request: reads.GetPendingCalls) -> list[tuple[int, ToolCallPart]]:
    message = request.message
    parts = state.of_thread[message.tenant, message.thread_id].parts
    found = [(place, decode_part(body)) for (of, place), (_, body) in parts.items() if of == message.message_id]
    return [(place, part) for place, part in found if isinstance(part, ToolCallPart) and part.state == "pending"]


def _message(state: State, request: reads.GetMessage) -> Value:
    rows = state.of_thread.get((request.tenant, request.thread_id))
    return rows.messages.get(request.message_id) if rows is not None else None


def _find_message(state: State, request: reads.FindMessage) -> Value:
    for message in state.of_thread[request.tenant, request.thread_id].messages.values():
        is_there = (message.turn, message.place) == (request.turn, request.place)
        if is_there or (request.client_id is not None and message.client_id == request.client_id):
            return message
    return None


def _turns(state: State, tenant: str | None, thread_id: str) -> dict[int, TurnRecord]:
    rows = state.of_thread.get((tenant, thread_id))
    return dict(rows.turns) if rows is not None else {}


def _turn_of_run(state: State, request: reads.GetTurnOfRun) -> Value:
    turns = _turns(state, request.tenant, request.thread_id).values()
    return next((turn for turn in turns if turn.run_id == request.run_id), None)


def _runs_of_turns(state: State, request: reads.GetRunsOfTurns) -> Value:
    turns = reversed(_turns(state, request.tenant, request.thread_id).values())
    keys = [(request.tenant, turn.run_id) for turn in turns]
    runs = [state.runs[key] for key in keys if key in state.runs]
    return [run for run in runs if not request.only_open or run.status not in ENDED][: request.limit]


def _thread_event(state: State, request: reads.GetThreadEvent) -> Value:
    events = state.of_thread[request.tenant, request.thread_id].events.values()
    return next((event for event in events if event.event_id == request.event_id), None)


def _open_entries(state: State, request: reads.GetOpenEntries) -> Value:
    log = rows_of(state, request.run).log
    return [log[seq] for seq in sorted(log) if not is_compacted(log[seq])]


def _steps(state: State, request: reads.GetSteps) -> Value:
    return [step for step in rows_of(state, request.run).steps.values() if step.position in request.positions]


READS: dict[type, Callable[[State, Value], Value]] = {
    reads.GetRun: lambda state, one: state.runs.get((one.tenant, one.run_id)),
    reads.GetManifests: lambda state, one: [rows_of(state, run).manifest for run in one.runs],
    reads.GetStep: lambda state, one: rows_of(state, one.run).steps.get(one.number),
    reads.GetSteps: _steps,
    reads.GetHead: lambda state, one: head_of(state, one.run),
    reads.GetEntry: lambda state, one: rows_of(state, one.run).log.get(one.seq),
    reads.GetOpenEntries: _open_entries,
    reads.GetEvent: _event,
    reads.GetChildren: _children,
    reads.GetOwned: lambda state, one: _owned(state, one.worker_id),
    reads.GetOwnedKeys: lambda state, one: [(run.tenant, run.run_id) for run in _owned(state, one.worker_id)],
    reads.GetHolding: _holding,
    reads.GetClaimed: lambda state, one: [run for run in _owned(state, one.worker_id) if run.claim_id == one.claim_id],
    reads.GetClaimable: _claimable,
    reads.CountRunning: lambda state, one: sum(
        run.queue == one.queue and run.worker_id is not None for run in state.runs.values()
    ),
    reads.GetWorker: lambda state, one: state.workers.get(one.worker_id),
    reads.GetLife: lambda _, __: "unknown",  # a process that dies takes its memory along: there is no death to prove
    reads.ProvesDeath: lambda _, __: False,
    reads.GetQuestion: lambda state, one: state.questions.get((one.tenant, one.question_id)),
    reads.GetUnanswered: lambda state, one: [
        question
        for question in state.questions.values()
        if (question.tenant, question.run_id) == (one.run.tenant, one.run.run_id) and question.answered_at is None
    ],
    reads.GetKey: lambda state, one: state.keys.get((one.tenant, one.key)),
    reads.GetNextTicket: _next_ticket,
    reads.GetThread: lambda state, one: state.threads.get((one.tenant, one.thread_id)),
    reads.GetDeletedThread: lambda state, one: state.hidden.get((one.tenant, one.thread_id)),
    reads.GetTurn: lambda state, one: _turns(state, one.tenant, one.thread_id).get(one.turn),
    reads.GetTurnOfRun: _turn_of_run,
    reads.GetRunsOfTurns: _runs_of_turns,
    reads.GetMessage: _message,
    reads.GetPendingCalls: _pending_calls,
    reads.FindMessage: _find_message,
    reads.GetThreadEvent: _thread_event,
    reads.HasTombstone: lambda state, one: (one.tenant, one.kind, one.id) in state.tombstones,
    reads.IsEmpty: lambda state, _: (
        not (state.runs or state.threads or state.hidden or state.workers or state.keys or state.tombstones)
    ),
}

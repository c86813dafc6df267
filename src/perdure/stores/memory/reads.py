"""What decisions ask of the rows (`core.decisions.reads`), answered from the tables."""

from __future__ import annotations

from collections.abc import Callable
from heapq import merge
from itertools import chain, islice
from operator import itemgetter

from perdure.core.chunks import is_compacted
from perdure.core.decisions import reads
from perdure.core.messages import ToolCallPart, decode_part
from perdure.core.records import RunRecord
from perdure.core.states import ENDED
from perdure.core.threads import TurnRecord
from perdure.core.values import Value
from perdure.stores.memory.state import RunRows, State


def rows_of(state: State, run: RunRecord) -> RunRows:
    """What belongs to a run that is there."""
    return state.of_run[run.tenant, run.run_id]


def head_of(state: State, run: RunRecord) -> int:
    """The last seq of a run's log, 0 when empty."""
    return rows_of(state, run).log.last


def _claimable(state: State, request: reads.GetClaimable) -> list[RunRecord]:
    index = state.runs.index
    ready = [index.entries(("ready", request.queue, name)) for name in request.workflows]
    due = [index.entries(("due", request.queue, name), up_to=(request.at,)) for name in request.workflows]
    free = (
        run
        for (since,), _, key in merge(*ready, *due)
        if (run := state.runs[key]).worker_id is None and since == (run.ready_at or run.due_at)
    )
    return list(islice(free, request.limit))


def _event(state: State, request: reads.GetEvent) -> Value:
    events, emit_id = rows_of(state, request.run).events, request.emit_id
    group = ("key", request.key) if emit_id is None else ("emit", request.key, emit_id)
    return next(events.group(*group), None)


def _owned_keys(state: State, worker_id: str) -> Value:
    # in the order in which the runs were made, as any other list of keys
    entries = sorted(state.runs.index.entries(("owned", worker_id)), key=itemgetter(1))
    return [key for _, _, key in entries]


def _holding(state: State, request: reads.GetHolding) -> tuple[bool, list[RunRecord]]:
    is_holding = state.runs.index.count(("owned", request.worker_id)) > 0
    return is_holding, list(state.runs.group("suspects", request.worker_id))


def _claimed(state: State, request: reads.GetClaimed) -> list[RunRecord]:
    owned = state.runs.group("owned", request.worker_id)
    return [run for run in owned if run.claim_id == request.claim_id]


def _count_running(state: State, request: reads.CountRunning) -> int:
    owned = (run for worker_id in state.workers for run in state.runs.group("owned", worker_id))
    return sum(run.queue == request.queue for run in owned)


def _children(state: State, request: reads.GetChildren) -> list[RunRecord]:
    return list(islice(state.runs.group("open children", request.run.tenant, request.run.run_id), request.limit))


def _unanswered(state: State, request: reads.GetUnanswered) -> Value:
    asked = state.questions.group("run", request.run.tenant, request.run.run_id)
    return [question for question in asked if question.answered_at is None]


def _pending_calls(state: State, request: reads.GetPendingCalls) -> list[tuple[int, ToolCallPart]]:
    message = request.message
    rows = state.of_thread[message.tenant, message.thread_id].parts.group("message", message.message_id)
    found = [(row.place, decode_part(row.body)) for row in rows]
    return [(place, part) for place, part in found if isinstance(part, ToolCallPart) and part.state == "pending"]


def _message(state: State, request: reads.GetMessage) -> Value:
    rows = state.of_thread.get((request.tenant, request.thread_id))
    return rows.messages.get(request.message_id) if rows is not None else None


def _find_message(state: State, request: reads.FindMessage) -> Value:
    messages = state.of_thread[request.tenant, request.thread_id].messages
    there = (message for message in messages.group("turn", request.turn) if message.place == request.place)
    from_client = messages.group("client", request.client_id) if request.client_id is not None else iter(())
    return next(chain(there, from_client), None)


def _turn(state: State, request: reads.GetTurn) -> TurnRecord | None:
    rows = state.of_thread.get((request.tenant, request.thread_id))
    return rows.turns.get(request.turn) if rows is not None else None


def _turn_of_run(state: State, request: reads.GetTurnOfRun) -> Value:
    rows = state.of_thread.get((request.tenant, request.thread_id))
    return next(rows.turns.group("run", request.run_id), None) if rows is not None else None


def _runs_of_turns(state: State, request: reads.GetRunsOfTurns) -> Value:
    rows = state.of_thread.get((request.tenant, request.thread_id))
    turns = rows.turns.backwards() if rows is not None else iter(())
    runs = (state.runs.get((request.tenant, turn.run_id)) for turn in turns)
    wanted = (run for run in runs if run is not None and not (request.only_open and run.status in ENDED))
    return list(islice(wanted, request.limit))


def _thread_event(state: State, request: reads.GetThreadEvent) -> Value:
    return next(state.of_thread[request.tenant, request.thread_id].events.group("id", request.event_id), None)


def _open_entries(state: State, request: reads.GetOpenEntries) -> Value:
    return [entry for entry in rows_of(state, request.run).log.values() if not is_compacted(entry)]


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
    reads.GetOwned: lambda state, one: list(islice(state.runs.group("owned", one.worker_id), one.limit)),
    reads.GetOwnedKeys: lambda state, one: _owned_keys(state, one.worker_id),
    reads.GetHolding: _holding,
    reads.GetClaimed: _claimed,
    reads.GetClaimable: _claimable,
    reads.CountRunning: _count_running,
    reads.GetWorker: lambda state, one: state.workers.get(one.worker_id),
    reads.GetLife: lambda _, __: "unknown",  # a process that dies takes its memory along: there is no death to prove
    reads.ProvesDeath: lambda _, __: False,
    reads.GetQuestion: lambda state, one: state.questions.get((one.tenant, one.question_id)),
    reads.GetUnanswered: _unanswered,
    reads.GetKey: lambda state, one: state.keys.get((one.tenant, one.key)),
    reads.GetNextTicket: lambda state, one: next(state.runs.group("ticket", one.key.tenant, one.key.key), None),
    reads.GetThread: lambda state, one: state.threads.get((one.tenant, one.thread_id)),
    reads.GetDeletedThread: lambda state, one: state.hidden.get((one.tenant, one.thread_id)),
    reads.GetTurn: _turn,
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

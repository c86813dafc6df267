"""Stores that lose the thread."""

import msgspec

from perdure.core.messages import UnknownPart
from perdure.core.records import RunRecord
from perdure.core.states import ENDED
from perdure.core.threads import ThreadEvent
from perdure.stores.memory import edges, messages, steps, threads
from perdure.stores.memory.state import State
from perdure.stores.memory.tables import Table
from perdure.stores.port import (
    AddThreadEvent,
    CancelRun,
    DeleteThread,
    PutParts,
    PutStep,
    StartTurn,
)
from perdure.testing.store_suite.facets.messages import MessagePromises
from perdure.testing.store_suite.facets.thread_events import ThreadEventPromises
from perdure.testing.store_suite.facets.threads import ThreadPromises
from perdure.testing.store_suite.facets.turns import TurnPromises
from tests.broken.registry import breaks

_lost_seqs: dict[int, int] = {}


@breaks(AddThreadEvent, ThreadEventPromises.test_events_of_many_writers_have_no_gap)
def thread_events_with_gaps(state: State, operation: AddThreadEvent) -> ThreadEvent:
    """A seq is drawn from a sequence that knows of no refusals."""
    seq = _lost_seqs[id(state)] = _lost_seqs.get(id(state), 0) + 1
    event = threads.append_thread_event(state, operation)
    thread_events = state.thread_events[operation.thread_id]
    del thread_events[event.seq]
    thread_events[seq] = msgspec.structs.replace(event, seq=seq)
    return thread_events[seq]


@breaks(CancelRun, ThreadEventPromises.test_an_end_that_somebody_else_makes_is_an_edge_too)
def missed_edge(state: State, operation: CancelRun) -> RunRecord:
    """A turn that somebody else ends changes its thread without a word."""
    threads = {thread_id: list(rows.items()) for thread_id, rows in state.thread_events.items()}
    run = edges.find(state, operation.run_id)
    if run.status not in ENDED:
        cause = "cancel_owned" if run.worker_id else "cancel"
        run = edges.move(state, run, cause, operation.at, cancel_by=operation.cancel_by, inbox=run.inbox + 1)
    for thread_id, rows in threads.items():
        for seq in [seq for seq in state.thread_events[thread_id] if seq not in dict(rows)]:
            del state.thread_events[thread_id][seq]
    return run


@breaks(PutStep, ThreadEventPromises.test_each_edge_is_exactly_one_event_in_order)
def chatty_edge(state: State, operation: PutStep) -> None:
    """A step that is committed is told as if it were an edge of its thread."""
    steps.put_step(state, operation)
    run = state.runs[operation.run_id]
    if run.thread_id is not None:
        body = {"from": "running", "to": "running", "turn": 1, "run_id": run.run_id}
        edges.add_thread_event(state, run.thread_id, "status", body, run.updated_at)


@breaks(StartTurn, TurnPromises.test_a_second_turn_on_a_busy_thread_is_refused)
def busy_thread_taken(state: State, operation: StartTurn) -> int:
    """A second turn begins while the first one runs."""
    latest = list(state.turns.get(operation.thread_id, Table[int, str](state.undo)).values())[-1:]
    run = state.runs.get(latest[0]) if latest else None
    if run is None or run.run_id == operation.run.run_id:
        return threads.start_turn(state, operation)
    state.runs[run.run_id] = msgspec.structs.replace(run, status="completed")
    turn = threads.start_turn(state, operation)
    state.runs[run.run_id] = run
    return turn


@breaks(StartTurn, TurnPromises.test_a_turn_that_is_sent_again_changes_nothing)
def sent_twice(state: State, operation: StartTurn) -> int:
    """A turn that is sent again is another turn."""
    known = state.runs.get(operation.run.run_id)
    if known is None or known.manifest_hash != operation.run.manifest_hash:
        return threads.start_turn(state, operation)
    turns = state.turns[operation.thread_id]
    turns[len(turns) + 1] = operation.run.run_id
    return len(turns)


@breaks(StartTurn, TurnPromises.test_turns_are_numbered_from_1_and_messages_get_their_places)
def places_kept(state: State, operation: StartTurn) -> int:
    """A turn's messages keep the places that the sender thought of."""
    first = threads.start_turn(state, msgspec.structs.replace(operation, messages=()))
    for place, message in enumerate(reversed(operation.messages)):
        placed = msgspec.structs.replace(message, turn=first, place=place, thread_id=operation.thread_id)
        if message.message_id not in state.messages:
            messages.insert_message(state, placed)
    return first


@breaks(DeleteThread, ThreadPromises.test_a_deleted_thread_leaves_nothing)
def runs_left_behind(state: State, operation: DeleteThread) -> None:
    """A deleted thread leaves its runs, and whoever executes one goes on."""
    turns = state.turns.get(operation.thread_id)
    if turns is not None:
        state.turns[operation.thread_id] = Table(state.undo)
    threads.delete_thread(state, operation)


@breaks(PutParts, MessagePromises.test_a_part_of_an_unknown_kind_is_kept_as_it_is)
def unknown_part_dropped(state: State, operation: PutParts) -> None:
    """A part of a kind that is not known is left out."""
    known = tuple(part for part in operation.parts if not isinstance(part, UnknownPart))
    messages.put_parts(state, msgspec.structs.replace(operation, parts=known))

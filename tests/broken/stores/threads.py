"""Stores that mix up the turns of a thread, or lose what is said in it."""

from typing import Any

import msgspec

from perdure.core.decisions.changes import (
    HideThread,
    InsertMessage,
    InsertThreadEvent,
    RemoveRun,
    RemoveThread,
    UpdateMessage,
    UpdateRun,
    UpdateThreadRow,
    WriteParts,
    WriteQuestion,
)
from perdure.core.decisions.reads import FindMessage, GetOpenEntries, GetPendingCalls, GetRun, GetThread
from perdure.core.messages import UnknownPart
from perdure.core.operations import StartTurn, UpdateThread
from perdure.core.records import RunRecord
from perdure.core.threads import ThreadRecord
from perdure.testing.store_suite.facets.deleting_threads import DeleteThreadPromises
from perdure.testing.store_suite.facets.forks import ForkPromises
from perdure.testing.store_suite.facets.messages import AddMessagePromises
from perdure.testing.store_suite.facets.random_histories import RandomHistoryPromises
from perdure.testing.store_suite.facets.thread_events import ThreadEventPromises, ThreadStatusPromises
from perdure.testing.store_suite.facets.threads import ThreadPromises
from perdure.testing.store_suite.facets.turn_ends import TurnEndPromises
from perdure.testing.store_suite.facets.turns import TurnPromises
from tests.broken.registry import BreakableStore, decides_instead, reads_instead, writes_instead
from tests.broken.stores.leases import while_deciding

SEALED = TurnEndPromises.test_a_turn_that_was_sealed_leaves_nothing_open
POISONED = TurnEndPromises.test_a_poisoned_turn_leaves_nothing_open


@writes_instead(InsertThreadEvent, ThreadEventPromises.test_events_come_in_order_without_gaps)
def thread_events_with_gaps(store: BreakableStore, change: InsertThreadEvent) -> list[InsertThreadEvent]:
    """A seq is drawn from a sequence that others draw from, too."""
    return [InsertThreadEvent(msgspec.structs.replace(change.event, seq=2 * change.event.seq))]


@writes_instead(InsertThreadEvent, ThreadStatusPromises.test_an_end_that_somebody_else_makes_is_an_edge_too)
def missed_edge(store: BreakableStore, change: InsertThreadEvent) -> list[InsertThreadEvent]:
    """A turn that is cancelled changes its thread without a word."""
    return [] if change.event.body.get("to") in {"stopped", "stopping"} else [change]


@writes_instead(InsertThreadEvent, ThreadStatusPromises.test_each_edge_is_exactly_one_event_in_order)
def edge_told_twice(store: BreakableStore, change: InsertThreadEvent) -> list[InsertThreadEvent]:
    """An edge is an event, and another one."""
    again = InsertThreadEvent(msgspec.structs.replace(change.event, seq=change.event.seq + 1000))
    return [change, again]


@while_deciding(StartTurn, TurnPromises.test_a_second_turn_on_a_busy_thread_is_refused)
def busy_thread_taken(store: BreakableStore, request: Any, found: Any) -> Any:
    """A second turn begins while the first one runs."""
    return msgspec.structs.replace(found, status="completed") if isinstance(request, GetRun) and found else found


@decides_instead(StartTurn, TurnPromises.test_a_turn_for_a_head_that_has_moved_is_refused)
def head_not_compared(store: BreakableStore, operation: StartTurn) -> StartTurn:
    """A turn for another head is taken."""
    return msgspec.structs.replace(operation, head=None)


@decides_instead(StartTurn, TurnPromises.test_an_edit_is_a_sibling_of_the_turn_that_it_replaces)
def turns_in_a_row(store: BreakableStore, operation: StartTurn) -> StartTurn:
    """An edit is put behind the turn that it replaces."""
    return msgspec.structs.replace(operation, after=None)


@writes_instead(InsertMessage, TurnPromises.test_turns_are_numbered_from_1_and_messages_get_their_places)
def places_turned(store: BreakableStore, change: InsertMessage) -> list[InsertMessage]:
    """The messages of a turn come in another order."""
    return [InsertMessage(msgspec.structs.replace(change.message, place=9 - change.message.place))]


@decides_instead(UpdateThread, ThreadPromises.test_a_change_of_a_thread_that_has_changed_since_is_refused)
def version_not_compared(store: BreakableStore, operation: UpdateThread) -> UpdateThread:
    """The last change of a thread wins, whatever it had seen."""
    return msgspec.structs.replace(operation, version=None)


@writes_instead(RemoveRun, DeleteThreadPromises.test_a_deleted_thread_leaves_nothing)
def runs_left_behind(store: BreakableStore, change: RemoveRun) -> list[UpdateRun]:
    """A deleted thread leaves its runs."""
    return [UpdateRun(msgspec.structs.replace(change.run, thread_id=None), {"thread_id": None})]


@writes_instead(HideThread, ForkPromises.test_a_deleted_source_stays_readable_through_its_forks_only)
def source_removed(store: BreakableStore, change: HideThread) -> list[RemoveThread]:
    """A thread that is deleted takes the turns along that its forks need."""
    return [RemoveThread(change.thread)]


@writes_instead(HideThread, ForkPromises.test_a_deleted_source_stays_readable_through_its_forks_only)
def source_not_hidden(store: BreakableStore, change: HideThread) -> list[HideThread]:
    """A thread that is deleted is there as long as a fork needs it."""
    return []


@writes_instead(UpdateThreadRow, ForkPromises.test_a_deleted_source_goes_with_its_last_fork)
def forks_not_counted(store: BreakableStore, change: UpdateThreadRow) -> list[UpdateThreadRow]:
    """A thread that was hidden stays for ever."""
    return (
        [] if change.thread.forks < 2 and set(change.fields) == {"forks"} and change.fields["forks"] == 1 else [change]
    )


@reads_instead(GetThread, ForkPromises.test_the_id_of_a_thread_that_a_fork_needs_is_not_used_again)
def hidden_thread_found(store: BreakableStore, request: GetThread, thread: ThreadRecord | None) -> ThreadRecord | None:
    """A thread that was deleted is found by its id as long as a fork needs it."""
    return thread or store.state.hidden.get((request.tenant, request.thread_id))


@writes_instead(WriteParts, AddMessagePromises.test_a_part_of_an_unknown_kind_is_kept_as_it_is)
def unknown_part_dropped(store: BreakableStore, change: WriteParts) -> list[WriteParts]:
    """A part of a kind that is not known is left out."""
    return [change._replace(parts=tuple(part for part in change.parts if not isinstance(part, UnknownPart)))]


@reads_instead(
    FindMessage,
    AddMessagePromises.test_a_place_in_a_turn_is_taken_once,
    AddMessagePromises.test_an_id_of_a_client_is_taken_once_in_a_thread,
)
def places_shared(store: BreakableStore, request: FindMessage, message: Any) -> None:
    """Two messages have one place, or one client's id."""


@writes_instead(
    UpdateMessage, SEALED, POISONED, RandomHistoryPromises.test_whatever_is_done_nothing_is_lost_or_stuck_or_left_open
)
def message_left_streaming(store: BreakableStore, change: UpdateMessage) -> list[UpdateMessage]:
    """The message of a turn that others end goes on streaming for ever."""
    return []


@reads_instead(GetOpenEntries, SEALED, POISONED)
def partial_forgotten(store: BreakableStore, request: GetOpenEntries, entries: Any) -> list[Any]:
    """What a turn had said so far is lost with its owner."""
    return []


@reads_instead(GetPendingCalls, SEALED)
def calls_left_pending(store: BreakableStore, request: GetPendingCalls, calls: Any) -> list[Any]:
    """A call whose end nobody saw is pending for ever."""
    return []


@writes_instead(WriteQuestion, SEALED)
def questions_of_the_ended(store: BreakableStore, change: WriteQuestion) -> list[WriteQuestion]:
    """The question of a turn that has ended can be answered still."""
    return [WriteQuestion(msgspec.structs.replace(change.question, closed_at=None))]


@while_deciding(StartTurn, TurnPromises.test_a_run_of_somebody_else_becomes_no_turn)
def run_of_somebody_else(store: BreakableStore, request: Any, found: RunRecord | None) -> Any:
    """A run of somebody else becomes the run of a turn."""
    return None if isinstance(request, GetRun) else found

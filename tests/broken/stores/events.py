"""Stores that forget what comes from outside, or take it twice."""

import msgspec

from perdure.core.records import EventRecord, Question
from perdure.stores.memory import events, questions, runs
from perdure.stores.memory.state import State
from perdure.stores.port import (
    Answer,
    Emit,
    Emitted,
    SuspendRun,
)
from perdure.testing.store_suite.facets.events import EventPromises
from perdure.testing.store_suite.facets.questions import QuestionPromises
from perdure.testing.store_suite.facets.suspension import SuspensionPromises
from tests.broken.registry import breaks


@breaks(
    SuspendRun,
    SuspensionPromises.test_no_wake_up_is_lost,
    SuspensionPromises.test_a_suspension_that_has_not_seen_an_event_is_refused,
)
def lost_wake_up(state: State, operation: SuspendRun) -> None:
    """A run is suspended whatever came in since it looked."""
    inbox = state.runs[operation.run_id].inbox
    runs.suspend_run(state, msgspec.structs.replace(operation, inbox=inbox))


@breaks(Emit, EventPromises.test_the_first_emit_of_a_key_stays)
def second_emit_wins(state: State, operation: Emit) -> Emitted:
    """The latest event of a key is the one that stays."""
    emitted = events.emit(state, operation)
    event = EventRecord(run_id=operation.run_id, key=operation.key, payload=operation.payload, emitted_at=operation.at)
    state.events[operation.run_id][operation.key] = event
    return Emitted(emitted.accepted, event)


@breaks(Emit, EventPromises.test_of_many_who_emit_one_key_one_is_accepted)
def every_emit_accepted(state: State, operation: Emit) -> Emitted:
    """Everybody is told to have been the first."""
    return Emitted(accepted=True, event=events.emit(state, operation).event)


@breaks(Emit, EventPromises.test_an_emit_wakes_a_suspended_run, SuspensionPromises.test_no_wake_up_is_lost)
def nobody_woken(state: State, operation: Emit) -> Emitted:
    """An event is put down, and the run sleeps on."""
    before = state.runs.get(operation.run_id)
    emitted = events.emit(state, operation)
    if before is not None:
        state.runs[operation.run_id] = msgspec.structs.replace(before, inbox=state.runs[operation.run_id].inbox)
    return emitted


@breaks(Emit, EventPromises.test_an_ended_run_keeps_an_event_and_stays_ended)
def ended_run_woken(state: State, operation: Emit) -> Emitted:
    """An event queues a run that has ended."""
    emitted = events.emit(state, operation)
    run = state.runs[operation.run_id]
    if run.status in {"completed", "failed", "cancelled"}:
        state.runs[operation.run_id] = msgspec.structs.replace(run, status="queued", due_at=operation.at)
    return emitted


@breaks(Emit, EventPromises.test_an_emit_to_a_run_that_is_not_there_is_refused_by_name)
def event_for_nobody(state: State, operation: Emit) -> Emitted:
    """An event for a run that is not there is taken, and lost."""
    if operation.run_id in state.runs:
        return events.emit(state, operation)
    event = EventRecord(run_id=operation.run_id, key=operation.key, payload=operation.payload, emitted_at=operation.at)
    return Emitted(accepted=True, event=event)


@breaks(Answer, QuestionPromises.test_the_first_answer_stays)
def answer_overwritten(state: State, operation: Answer) -> Question:
    """The last answer is the one that stays."""
    question = state.questions.get(operation.question_id)
    if question is not None:
        state.questions[operation.question_id] = msgspec.structs.replace(question, answered_at=None)
    return questions.answer(state, operation)


@breaks(Answer, QuestionPromises.test_an_answer_comes_to_the_run_as_an_event_and_wakes_it)
def answer_not_delivered(state: State, operation: Answer) -> Question:
    """An answer stands on its question, and the run never hears of it."""
    question = state.questions[operation.question_id]
    before = state.runs[question.run_id]
    answered = questions.answer(state, operation)
    state.runs[question.run_id] = before
    del state.events[question.run_id][question.event_key]
    return answered

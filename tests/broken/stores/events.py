"""Stores that forget what comes from outside, or take it twice."""

from typing import Any

import msgspec

from perdure.core import keys
from perdure.core.decisions.changes import InsertEvent, UpdateRun, WriteStep
from perdure.core.decisions.reads import GetEvent, GetQuestion, GetRun, GetStep, GetUnanswered
from perdure.core.operations import Emit, Emitted, OutsideOperation, PutStep, SuspendRun
from perdure.core.records import EventRecord, Question, RunRecord, StepRecord
from perdure.core.states import ENDED
from perdure.errors import RunNotFound
from perdure.testing.store_suite.facets.deleted_targets import DeletedTargetPromises
from perdure.testing.store_suite.facets.events import EventPromises
from perdure.testing.store_suite.facets.groups import GroupPromises
from perdure.testing.store_suite.facets.questions import QuestionPromises
from perdure.testing.store_suite.facets.restarting import RestartPromises
from perdure.testing.store_suite.facets.suspension import SuspensionPromises
from perdure.testing.store_suite.facets.wake_ups import WakeUpPromises
from tests.broken.registry import BreakableStore, caught_by, decides_instead, reads_instead, writes_instead

INTERLEAVED = WakeUpPromises.test_no_wake_up_is_lost_and_none_is_needless_in_any_interleaving


@decides_instead(
    SuspendRun,
    INTERLEAVED,
    SuspensionPromises.test_commits_that_are_on_their_way_together_lose_no_wake_up,
    SuspensionPromises.test_a_suspension_that_has_not_read_an_event_is_refused,
)
def lost_wake_up(store: BreakableStore, operation: SuspendRun) -> SuspendRun:
    """A run is suspended whatever came in since it looked."""
    inboxes = {run.inbox for run in store.state.runs.values() if run.worker_id is not None}
    return msgspec.structs.replace(operation, inbox=max(inboxes, default=0))


@decides_instead(
    PutStep,
    SuspensionPromises.test_a_wait_ends_only_while_nothing_has_come_in_that_it_has_not_seen,
    GroupPromises.test_of_a_group_exactly_those_are_refused_whose_inbox_has_moved,
)
def timed_out_whatever_came(_: BreakableStore, operation: PutStep) -> PutStep:
    """A wait times out although something has come in that it has not seen."""
    return msgspec.structs.replace(operation, inbox=None)


@decides_instead(SuspendRun, INTERLEAVED, WakeUpPromises.test_each_key_that_a_run_waits_for_wakes_it)
def one_key_of_several(store: BreakableStore, operation: SuspendRun) -> SuspendRun:
    """Of several keys that a run waits for, the first wakes it."""
    return msgspec.structs.replace(operation, waiting_for=operation.waiting_for[:1])


@reads_instead(GetRun, INTERLEAVED, WakeUpPromises.test_a_key_that_a_run_does_not_wait_for_leaves_it_as_it_is)
def woken_by_any_event(store: BreakableStore, request: GetRun, run: RunRecord | None) -> RunRecord | None:
    """Whatever comes in wakes a run that waits."""
    if run is None or run.status != "suspended":
        return run
    every = ("event:a", "event:b", "event:z", "event:go", *run.waiting_for)
    return msgspec.structs.replace(run, waiting_for=every)


@writes_instead(UpdateRun, INTERLEAVED, WakeUpPromises.test_each_key_that_a_run_waits_for_wakes_it)
def nobody_woken(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """An event is put down, and the run goes on waiting."""
    before = store.state.runs[change.run.tenant, change.run.run_id]
    if before.status != "suspended" or change.run.status != "queued":
        return [change]
    return [change._replace(run=msgspec.structs.replace(before, inbox=change.run.inbox))]


@writes_instead(UpdateRun, INTERLEAVED, EventPromises.test_an_accepted_emit_grows_the_inbox_and_another_does_not)
def inbox_of_what_is_awaited(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """The inbox grows with what wakes a run, and not with what comes while it runs."""
    if "status" in change.fields or "inbox" not in change.fields:
        return [change]
    before = store.state.runs[change.run.tenant, change.run.run_id]
    return [change._replace(run=msgspec.structs.replace(change.run, inbox=before.inbox))]


@writes_instead(
    InsertEvent,
    EventPromises.test_the_first_emit_of_a_key_stays,
    QuestionPromises.test_an_answer_comes_to_the_run_as_an_event_and_wakes_it,
)
def event_without_its_payload(store: BreakableStore, change: InsertEvent) -> list[InsertEvent]:
    """An event comes, and what it said does not."""
    return [change._replace(event=msgspec.structs.replace(change.event, payload=b"null"))]


@reads_instead(GetEvent, EventPromises.test_the_first_emit_of_a_key_stays)
def second_emit_wins(store: BreakableStore, request: GetEvent, event: Any) -> None:
    """Each emit of a key stays, and the latest is as good as the first."""


@decides_instead(Emit, EventPromises.test_of_many_who_emit_one_key_one_is_accepted)
def every_emit_accepted(store: BreakableStore, operation: Emit) -> Emit:
    """Everybody is told to have been the first."""
    return msgspec.structs.replace(operation, emit_id="the same for all")


@decides_instead(
    Emit,
    EventPromises.test_every_emit_of_a_channel_stays,
    WakeUpPromises.test_every_emit_of_a_channel_wakes_a_run_that_waits_for_it,
)
def channel_of_one(store: BreakableStore, operation: Emit) -> Emit:
    """Of a channel the first emit stays."""
    return msgspec.structs.replace(operation, many=False)


@writes_instead(InsertEvent, EventPromises.test_what_else_comes_in_leaves_a_gap_between_the_seqs_of_events)
def events_counted(store: BreakableStore, change: InsertEvent) -> list[InsertEvent]:
    """The seq of an event is how many there are, and not what the run's inbox is."""
    events = store.state.of_run[change.run.tenant, change.run.run_id].events
    return [change._replace(event=msgspec.structs.replace(change.event, seq=len(events) + 1))]


@writes_instead(UpdateRun, EventPromises.test_an_ended_run_keeps_an_event_and_stays_ended)
def ended_run_woken(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """An event queues a run that has ended."""
    before = store.state.runs[change.run.tenant, change.run.run_id]
    if before.status not in ENDED or change.run.inbox == before.inbox:
        return [change]
    return [change._replace(run=msgspec.structs.replace(change.run, status="queued"))]


@writes_instead(WriteStep, EventPromises.test_an_emit_that_is_a_step_has_what_it_answers_as_its_result)
def step_of_an_emit_without_its_answer(_: BreakableStore, change: WriteStep) -> list[WriteStep]:
    """The step that an emit is keeps the result that it was given with."""
    if change.step.result not in {b"true", b"false"}:
        return [change]
    return [change._replace(step=msgspec.structs.replace(change.step, result=b"null"))]


@decides_instead(
    Emit,
    EventPromises.test_an_emit_that_is_a_step_has_what_it_answers_as_its_result,
    EventPromises.test_an_emit_that_is_a_step_is_refused_whole_where_the_step_has_another_outcome,
    EventPromises.test_a_step_of_an_emit_is_refused_from_outside_and_where_it_does_not_complete,
)
def emit_without_its_step(_: BreakableStore, operation: Emit) -> Emit:
    """An emit that is a step is an event and nothing else."""
    return msgspec.structs.replace(operation, step=None)


@reads_instead(GetStep, DeletedTargetPromises.test_what_a_holder_emitted_is_not_emitted_to_another_run_with_the_same_id)
def emit_told_by_its_event(_: BreakableStore, request: GetStep, step: StepRecord | None) -> StepRecord | None:
    """An emit that lands again is told by its event alone, which may be gone."""
    return None if step is not None and step.result in {b"true", b"false"} else step


@caught_by(EventPromises.test_an_emit_to_a_run_that_is_not_there_is_refused_by_name)
class EventForNobody(BreakableStore):
    """An event for a run that is not there is taken, and lost."""

    def _execute(self, operation: OutsideOperation) -> Any:
        try:
            return super()._execute(operation)
        except RunNotFound:
            if not isinstance(operation, Emit):
                raise
            event = EventRecord(
                run_id=operation.run_id,
                key=operation.key,
                seq=1,
                payload=operation.payload,
                emitted_at=operation.at,
                emit_id=operation.emit_id,
            )
            return Emitted(accepted=True, event=event)


@writes_instead(UpdateRun, WakeUpPromises.test_a_parked_run_is_woken_by_nothing)
def parked_run_woken(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """Whatever comes in wakes a run that is parked."""
    if not change.run.is_parked or "inbox" not in change.fields:
        return [change]
    return [change._replace(run=msgspec.structs.replace(change.run, status="queued", failure=None))]


@reads_instead(GetQuestion, QuestionPromises.test_the_first_answer_stays)
def answer_overwritten(store: BreakableStore, request: GetQuestion, question: Question | None) -> Question | None:
    """The last answer is the one that stays."""
    return question and msgspec.structs.replace(question, answered_at=None, answer_id=None)


@reads_instead(GetRun, QuestionPromises.test_an_answer_comes_to_the_run_as_an_event_and_wakes_it)
def answer_not_delivered(store: BreakableStore, request: GetRun, run: RunRecord | None) -> RunRecord | None:
    """An answer stands on its question, and the run is not there to be told."""
    return None if run is not None and keys.question("why") in run.waiting_for else run


@reads_instead(
    GetUnanswered,
    QuestionPromises.test_every_end_of_a_run_closes_its_questions,
    RestartPromises.test_a_restarted_run_can_be_answered,
)
def questions_left_open(store: BreakableStore, request: GetUnanswered, questions: list[Question]) -> list[Question]:
    """The end of a run leaves its questions open, and what was closed is never asked again."""
    return []

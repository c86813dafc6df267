"""Events and answers: what comes to a run from outside."""

from __future__ import annotations

import msgspec

from perdure.core import keys, topics
from perdure.core.decisions.changes import WriteQuestion
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import GetQuestion, WriteDraft
from perdure.core.decisions.steps import put_step
from perdure.core.decisions.transitions import bring_in
from perdure.core.operations.events import Emit, Emitted
from perdure.core.operations.questions import Answer
from perdure.core.operations.steps import PutStep
from perdure.core.records import Question, RunRecord, StepRecord
from perdure.errors import QuestionAnswered, QuestionNotFound


def emit(draft: Draft, operation: Emit) -> Decision[Emitted]:
    """Decide Emit."""
    run = yield from draft.get_run(operation.tenant, operation.run_id)
    accepted, event = yield from bring_in(
        draft,
        run,
        operation.key,
        operation.payload,
        operation.at,
        emit_id=operation.emit_id,
        by=operation.by,
        many=operation.many,
    )
    return Emitted(accepted, event)


def emit_of(draft: Draft, operation: Emit, run: RunRecord) -> Decision[Emitted]:
    """Decide Emit of a run's holder, with the step of the run that it is, where it is one."""
    emitted = yield from emit(draft, operation)
    if operation.step is not None:
        yield WriteDraft()
        run = yield from draft.get_run(run.tenant, run.run_id)  # it may have emitted to itself
        yield from put_step(draft, PutStep(answered_step(operation.step, accepted=emitted.accepted)), run)
    return emitted


def answered_step(step: StepRecord, *, accepted: bool) -> StepRecord:
    """The step that an emit is, with what it answered as its result."""
    return msgspec.structs.replace(step, result=b"true" if accepted else b"false")


def answer(draft: Draft, operation: Answer) -> Decision[Question]:
    """Decide Answer."""
    question: Question | None = yield GetQuestion(operation.tenant, operation.question_id)
    if question is None:
        raise QuestionNotFound(operation.question_id)
    if question.answer_id == operation.answer_id:
        return question
    if question.answered_at is not None or question.closed_at is not None:
        raise QuestionAnswered(operation.question_id)
    answered = msgspec.structs.replace(
        question,
        answer=operation.answer,
        answer_id=operation.answer_id,
        answered_by=operation.by,
        answered_at=operation.at,
    )
    draft.add(WriteQuestion(answered))
    draft.topics.add(topics.QUESTIONS)
    run = yield from draft.find_run(question.tenant, question.run_id)
    if run is not None:
        key, at = keys.question(question.question_id), operation.at
        yield from bring_in(draft, run, key, operation.answer, at, emit_id=operation.answer_id, by=operation.by)
    return answered

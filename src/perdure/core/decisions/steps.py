"""Steps and streams: what a holder writes as its run goes on."""

from __future__ import annotations

from perdure.core import topics
from perdure.core.chunks import Entry, is_reset
from perdure.core.decisions.changes import InsertEntries, InsertUsage, RemoveEntries, WriteQuestion, WriteStep
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import GetHead, GetQuestion, GetStep
from perdure.core.operations.messages import PutUsage
from perdure.core.operations.questions import Ask
from perdure.core.operations.steps import PutStep
from perdure.core.operations.streams import AppendEntries, ReplaceLane
from perdure.core.records import RunRecord, StepRecord, UsageRecord
from perdure.core.states import FINAL, step_moves_on
from perdure.errors import InboxMoved, LeaseLost, SeqConflict, StepFinal


def put_step(draft: Draft, operation: PutStep, run: RunRecord) -> Decision[None]:
    """Decide PutStep."""
    step = operation.step
    before: StepRecord | None = yield GetStep(run, step.number)
    if before is not None and (before.position != step.position or _is_other_outcome(before, step)):
        raise StepFinal(run.run_id, step.position)
    if not step_moves_on(before, step):
        return
    if operation.inbox is not None and operation.inbox != run.inbox:
        raise InboxMoved(run.run_id)
    draft.add(WriteStep(run, step))
    if step.status in FINAL:
        _note_progress(draft, run)


def _is_other_outcome(before: StepRecord, after: StepRecord) -> bool:
    outcome = (before.status, before.result, before.failure)
    return {before.status, after.status} <= FINAL and outcome != (after.status, after.result, after.failure)


def append_entries(draft: Draft, operation: AppendEntries, run: RunRecord) -> Decision[None]:
    """Decide AppendEntries."""
    head: int = yield GetHead(run)
    fresh = tuple(entry for entry in operation.entries if entry.seq > head)
    for seq, entry in enumerate(fresh, head + 1):
        if entry.seq != seq or not 0 < entry.from_seq <= seq:
            raise SeqConflict(run.run_id, seq, entry.seq)
    if fresh:
        _append(draft, run, fresh)


def replace_lane(draft: Draft, operation: ReplaceLane, run: RunRecord) -> Decision[None]:
    """Decide ReplaceLane."""
    head, entry = (yield GetHead(run)), operation.entry
    if entry.seq <= head:
        return
    if entry.from_seq != 1 or not 0 < operation.opened <= entry.seq:
        raise SeqConflict(run.run_id, head + 1, entry.seq)
    _append(draft, run, (entry,))
    if operation.opened <= head:
        draft.add(RemoveEntries(run, entry.lane, operation.opened, head))


def _append(draft: Draft, run: RunRecord, entries: tuple[Entry, ...]) -> None:
    draft.add(InsertEntries(run, entries))
    draft.topics.add(topics.stream(run.tenant, run.run_id))
    if not all(map(is_reset, entries)):
        _note_progress(draft, run)


def _note_progress(draft: Draft, run: RunRecord) -> None:
    """Forget what deaths said of the run."""
    if run.suspicion is not None:
        draft.change_run(run, suspicion=None)


def ask(draft: Draft, operation: Ask, run: RunRecord) -> Decision[None]:
    """Decide Ask."""
    question = operation.question
    if (question.tenant, question.run_id) != (run.tenant, run.run_id):
        raise LeaseLost(question.run_id, run.token)
    if (yield GetQuestion(run.tenant, question.question_id)) is None:
        draft.add(WriteQuestion(question))
        draft.topics.add(topics.QUESTIONS)


def put_usage(draft: Draft, operation: PutUsage, run: RunRecord) -> Decision[None]:
    """Decide PutUsage."""
    usage = UsageRecord(
        run_id=run.run_id,
        position=operation.position,
        attempt=operation.attempt,
        usage=operation.usage,
        model=operation.model,
    )
    draft.add(InsertUsage(run, usage))
    yield from ()

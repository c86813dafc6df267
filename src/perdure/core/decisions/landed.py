"""Whether a holder's commit has landed before: what it answers when it comes again.

A commit lands whole, so a step that it ended tells of all of it: also of what was written to rows of others that were
deleted since.
"""

from __future__ import annotations

from perdure.core.chunks import Entry
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.events import answered_step
from perdure.core.decisions.reads import GetEntry, GetEvent, GetMessage, GetQuestion, GetStep
from perdure.core.decisions.runs import is_same
from perdure.core.messages import Message
from perdure.core.operations import (
    RUN_ENDS,
    AddMessage,
    AppendEntries,
    Ask,
    CommitResult,
    CreateRun,
    Emit,
    Emitted,
    HolderOperation,
    NoteCleanups,
    PutStep,
    ReplaceLane,
)
from perdure.core.records import EventRecord, Lease, Question, RunRecord, StepRecord
from perdure.core.states import FINAL, step_moves_on
from perdure.core.values import Value


def find_landed(
    draft: Draft, run: RunRecord, lease: Lease, operations: tuple[HolderOperation, ...]
) -> Decision[CommitResult | None]:
    """What the commit answered the first time; None where it did not land, or where that can't be told."""
    if operations and isinstance(operations[-1], RUN_ENDS):
        if run.left_token != lease.token or not lease.token:  # 0 is nobody's token
            return None
        settled = True
    else:
        settled = False
    results, is_told = list[Value](), settled
    steps_ended = yield from _steps_ended(run, operations)
    for operation in operations:
        is_there, result = yield from _find(draft, operation, run, steps_ended=steps_ended)
        if is_there is False and not settled:
            return None
        is_told = is_told or is_there is True
        results.append(result)
    return tuple(results) if is_told else None


def outcomes_of(operation: HolderOperation) -> tuple[StepRecord, ...]:
    """The step that an operation ends, with each outcome that it may get by that; none where it ends no step."""
    if isinstance(operation, Emit) and operation.step is not None:
        return tuple(answered_step(operation.step, accepted=accepted) for accepted in (True, False))
    return (operation.step,) if isinstance(operation, PutStep) and operation.step.status in FINAL else ()


def _steps_ended(run: RunRecord, operations: tuple[HolderOperation, ...]) -> Decision[bool]:
    """Whether a commit ends steps, and each of them has ended by it."""
    ends = [outcomes for outcomes in map(outcomes_of, operations) if outcomes]
    for outcomes in ends:
        if (yield from _find_outcome(run, outcomes)) is None:
            return False
    return bool(ends)


def _find_outcome(run: RunRecord, outcomes: tuple[StepRecord, ...]) -> Decision[StepRecord | None]:
    """Which of some outcomes a step has; None where it has none of them."""
    for step in outcomes:
        if (yield from _find_step(run, step)):
            return step
    return None


def _find_step(run: RunRecord, step: StepRecord) -> Decision[bool]:
    before: StepRecord | None = yield GetStep(run, step.number)
    return before is not None and _is_at_least(before, step)


def _find(
    draft: Draft, operation: HolderOperation, run: RunRecord, *, steps_ended: bool
) -> Decision[tuple[bool | None, Value]]:
    """Whether an operation's key is there (None where that can't be told from it), and what it answers then."""
    match operation:
        case PutStep():
            return (yield from _find_step(run, operation.step)), None
        case AppendEntries():
            return (yield from _find_entries(run, operation.entries)), None
        case ReplaceLane():
            return (yield GetEntry(run, operation.entry.seq)) == operation.entry, None
        case Ask():
            known: Question | None = yield GetQuestion(run.tenant, operation.question.question_id)
            return known is not None and known.run_id == run.run_id, None
        case Emit():
            return (yield from _find_event(draft, operation, run))
        case CreateRun():
            child = yield from draft.find_run(operation.tenant, operation.run_id)
            is_there = child is not None and is_same(child, operation)
            return is_there or (None if steps_ended else False), child
        case AddMessage():
            given = operation.message
            same: Message | None = yield GetMessage(given.tenant, given.thread_id, given.message_id)
            return same is not None and same.run_id == run.run_id, None
        case NoteCleanups():
            return run.cleans_up, None
        case _:
            return None, None  # what is written to messages, and usage: what stands beside them in their commit tells


def _find_entries(run: RunRecord, entries: tuple[Entry, ...]) -> Decision[bool | None]:
    """Whether these very entries are there: another holder may have given their seqs to others."""
    for entry in entries:
        if (yield GetEntry(run, entry.seq)) != entry:
            return False
    return True if entries else None


def _find_event(draft: Draft, operation: Emit, run: RunRecord) -> Decision[tuple[bool | None, Value]]:
    """Whether an event is there; somebody else's under its key does not tell: this one may not have been accepted.

    An emit that is a step of its run is told by the step's row, which stays when the run with the event is deleted.
    """
    target = yield from draft.find_run(operation.tenant, operation.run_id)
    event: EventRecord | None = None
    if target is not None:
        event = yield GetEvent(target, operation.key, operation.emit_id if operation.many else None)
    if operation.step is not None:
        step = yield from _find_outcome(run, outcomes_of(operation))
        return step is not None, Emitted(step is not None and step.result == b"true", event)
    if event is None:
        return False, None
    is_mine = event.emit_id == operation.emit_id
    return is_mine or None, Emitted(is_mine, event)


def _is_at_least(before: StepRecord, step: StepRecord) -> bool:
    if before.position != step.position or step_moves_on(before, step):
        return False
    outcome = (step.status, step.result, step.failure)
    return step.status not in FINAL or outcome == (before.status, before.result, before.failure)

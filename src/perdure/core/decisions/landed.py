"""Whether a holder's commit has landed before: what it answers when it comes again.

A commit lands whole, so a step that it ended tells of all of it: also of what was written to rows of others that were
deleted since.
"""

from __future__ import annotations

from typing import NamedTuple

from perdure.core.chunks import Entry
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import GetEntry, GetEvent, GetMessage, GetQuestion, GetStep
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
    ended = yield from _find_ended(run, operations)
    for operation in operations:
        is_there, result = yield from _find(draft, operation, run, ended)
        if is_there is False and not settled:
            return None
        is_told = is_told or is_there is True
        results.append(result)
    return tuple(results) if is_told else None


class _Ended(NamedTuple):
    """Whether each step that a commit ends has ended so, and whether its emit was accepted, where a step says that."""

    so: bool
    accepted: bool | None = None


def _find_ended(run: RunRecord, operations: tuple[HolderOperation, ...]) -> Decision[_Ended]:
    ended = _Ended(so=False)
    for operation in operations:
        if isinstance(operation, PutStep) and operation.step.status in FINAL:
            before: StepRecord | None = yield GetStep(run, operation.step.number)
            if not _has_landed(before, operation):
                return _Ended(so=False)
            ended = _Ended(so=True, accepted=_answer(before) if operation.takes_answer else ended.accepted)
    return ended


def _answer(step: StepRecord | None) -> bool | None:
    return None if step is None or step.result not in {b"true", b"false"} else step.result == b"true"


def _has_landed(before: StepRecord | None, operation: PutStep) -> bool:
    step = operation.step
    if before is not None and operation.takes_answer:
        return (before.position, before.status) == (step.position, step.status)
    return before is not None and _is_at_least(before, step)


def _find(
    draft: Draft, operation: HolderOperation, run: RunRecord, ended: _Ended
) -> Decision[tuple[bool | None, Value]]:
    """Whether an operation's key is there (None where that can't be told from it), and what it answers then."""
    match operation:
        case PutStep():
            return _has_landed((yield GetStep(run, operation.step.number)), operation), None
        case AppendEntries():
            return (yield from _find_entries(run, operation.entries)), None
        case ReplaceLane():
            return (yield GetEntry(run, operation.entry.seq)) == operation.entry, None
        case Ask():
            known: Question | None = yield GetQuestion(run.tenant, operation.question.question_id)
            return known is not None and known.run_id == run.run_id, None
        case Emit():
            return (yield from _find_event(draft, operation, ended))
        case CreateRun():
            child = yield from draft.find_run(operation.tenant, operation.run_id)
            is_there = child is not None and child.manifest_hash == operation.manifest_hash
            return is_there or (None if ended.so else False), child
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


def _find_event(draft: Draft, operation: Emit, ended: _Ended) -> Decision[tuple[bool | None, Value]]:
    """Whether an event is there; somebody else's under its key does not tell: this one may not have been accepted.

    What the commit's own step says stays when the run with the event is deleted.
    """
    target = yield from draft.find_run(operation.tenant, operation.run_id)
    event: EventRecord | None = None
    if target is not None:
        event = yield GetEvent(target, operation.key, operation.emit_id if operation.many else None)
    if ended.accepted is not None:
        return None, Emitted(ended.accepted, event)
    if event is None:
        return False, None
    is_mine = event.emit_id == operation.emit_id
    return is_mine or None, Emitted(is_mine, event)


def _is_at_least(before: StepRecord, step: StepRecord) -> bool:
    if before.position != step.position or step_moves_on(before, step):
        return False
    outcome = (step.status, step.result, step.failure)
    return step.status not in FINAL or outcome == (before.status, before.result, before.failure)

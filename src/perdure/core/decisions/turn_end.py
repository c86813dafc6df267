"""The end of a turn without its holder: its message gets its status and what was durably said, its log its end.

It is the same commit that ends the run, whoever makes it: a stop of a run that nobody executes, a seal, a takeover that
makes a run poisoned. A holder that ends its turn does the same by operations of its own, since it knows more; what it
leaves open is ended here.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core import topics
from perdure.core.chunks import RUN_LANE, Chunk, Entry, chunk_entry
from perdure.core.compaction import compact
from perdure.core.decisions.changes import InsertEntries, RemoveEntries, UpdateMessage, WriteParts
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import GetHead, GetOpenEntries, GetPendingCalls
from perdure.core.messages import LAST_NUMBER, Message, write_version
from perdure.core.records import RunRecord, RunStatus
from perdure.core.salvage import UNKNOWN_OUTCOME, OpenLane, open_lanes, partial_parts
from perdure.core.states import MESSAGE_STATUS


def end_turn(draft: Draft, run: RunRecord, at: datetime) -> Decision[None]:
    """Finish the message and the log of a turn that has just ended."""
    assert run.thread_id is not None  # noqa: S101 - a run with a reply is a turn
    assert run.reply_id is not None  # noqa: S101
    message = yield from draft.find_message(run.tenant, run.thread_id, run.reply_id)
    if message is None or message.status != "streaming":
        return
    entries: list[Entry] = yield GetOpenEntries(run)
    head: int = yield GetHead(run)
    for lane in open_lanes(entry for entry in entries if entry.lane != RUN_LANE):
        head = _close(draft, run, message, lane, head)
    version = write_version(run.token, LAST_NUMBER)
    for place, call in (yield GetPendingCalls(message)):
        ended = msgspec.structs.replace(call, state="in_doubt", error=UNKNOWN_OUTCOME, error_code="tool_in_doubt")
        draft.add(WriteParts(message, place, (ended,), version))
    finish = chunk_entry(finish_chunk(run, run.status), RUN_LANE, head + 1, head + 1)  # it takes nothing back
    draft.add(InsertEntries(run, (finish,)))
    draft.update_message(UpdateMessage(message, at, version, status=MESSAGE_STATUS[run.status]))
    draft.topics.add(topics.thread(run.tenant, run.thread_id))


def finish_chunk(run: RunRecord, status: RunStatus, finish_reason: str | None = None) -> Chunk:
    """The last chunk of a turn."""
    failure = run.failure
    return Chunk(
        kind="finish",
        message_id=run.reply_id,
        finish_reason=finish_reason if status == "completed" else status,
        error=failure.message if failure else None,
    )


def _close(draft: Draft, run: RunRecord, message: Message, lane: OpenLane, head: int) -> int:
    """One entry in the place of a lane whose step will not end; what it said best is part of the message."""
    parts = partial_parts(lane.best, lane.step)
    for place, part in parts.items():
        draft.add(WriteParts(message, place, (part,), write_version(run.token, LAST_NUMBER)))
    # what an attempt before the last one had said is the answer's partial now: shown again, after the reset that took
    # it back
    again = [] if lane.said else lane.best
    added = [*again, Chunk(kind="step_end", finish_reason=run.status)]
    numbered = [msgspec.structs.replace(chunk, seq=seq) for seq, chunk in enumerate(added, head + 1)]
    last = head + len(numbered)
    draft.add(InsertEntries(run, (compact(lane.lane, last, [*lane.chunks, *numbered], message.message_id, parts),)))
    draft.add(RemoveEntries(run, lane.lane, lane.opened, head))
    return last

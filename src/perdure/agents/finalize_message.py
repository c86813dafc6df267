"""A message whose turn ended without its worker: finished from the durable chunks, by whoever reads it first.

A worker that stops or fails a turn finishes the message in the same commit. One that died, or was deaf to a stop,
does not; then the run was sealed without it, and its stream holds what was said. The run has ended, so nobody else
writes, and to do this twice does no harm.
"""

from __future__ import annotations

import msgspec

from perdure.agents.history import closed
from perdure.agents.model_step import partial_parts
from perdure.core.chunks import DELTA_KINDS, Chunk
from perdure.core.messages import Message, MessageStatus, Part, ToolCallPart
from perdure.core.records import RunRecord
from perdure.core.states import ENDED
from perdure.stores.port import Operation, PutParts, SetMessage, Store
from perdure.streams import read


async def settle_message(store: Store, run_id: str, message_id: str) -> None:
    """Finish a turn's message where its run has ended and nobody has."""
    message = await store.messages.get(message_id)
    if message is None or message.status != "streaming":
        return
    run = await store.runs.get(run_id)
    if run is None or run.status not in ENDED:
        return
    status: MessageStatus = "stopped" if run.status == "cancelled" else "failed"
    operations: list[Operation] = [SetMessage(message_id=message_id, status=status)]
    for place, part in enumerate(message.parts):
        if isinstance(part, ToolCallPart) and part.state == "pending":
            operations.append(PutParts(message_id=message_id, first=place, parts=(closed(part),)))
    partial = await _partial(store, run, message)
    if partial:
        operations.append(PutParts(message_id=message_id, first=len(message.parts), parts=partial))
    await store.commit(*operations)


async def _partial(store: Store, run: RunRecord, message: Message) -> tuple[Part, ...]:
    """What the last attempt said of parts that no commit has sealed; the one before it where it said nothing."""
    said, superseded = list[Chunk](), list[Chunk]()
    after, ended = 0, False
    while not ended:
        page = await read(store, run.run_id, after=after)
        ended = page.ended or not page.chunks
        for chunk in page.chunks:
            after = chunk.seq
            if chunk.kind == "reset":
                superseded, said = said or superseded, []
            elif chunk.kind in DELTA_KINDS and (chunk.part or 0) >= len(message.parts):
                said.append(msgspec.structs.replace(chunk, seq=0, from_seq=0))
    step = max((part.step for part in message.parts), default=-1) + 1
    return partial_parts(tuple(said or superseded), step)

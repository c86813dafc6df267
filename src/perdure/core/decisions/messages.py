"""Messages: added, written by the run that they are of."""

from __future__ import annotations

from perdure.core import topics
from perdure.core.decisions.changes import UpdateMessage, WriteParts
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import FindMessage
from perdure.core.messages import Message, MessageStatus
from perdure.core.operations.messages import AddMessage, PutParts, SetMessage
from perdure.core.records import RunRecord
from perdure.errors import LeaseLost, MessageExists, MessageNotFound

_RANK: dict[MessageStatus, int] = {"streaming": 0, "complete": 1, "cut_off": 1, "stopped": 1, "failed": 1}


def add_message(draft: Draft, operation: AddMessage, run: RunRecord | None = None) -> Decision[None]:
    """Decide AddMessage, of the run whose holder adds it where there is one."""
    message = operation.message
    if run is None:
        if message.run_id is not None:
            raise LeaseLost(message.run_id, 0)
    elif (message.tenant, message.thread_id, message.run_id) != (run.tenant, run.thread_id, run.run_id):
        raise LeaseLost(message.run_id or "", run.token)
    yield from draft.get_thread(message.tenant, message.thread_id)
    yield from insert_message(draft, message)


def insert_message(draft: Draft, message: Message) -> Decision[None]:
    """A message, unless it is there. Raises: MessageExists."""
    same = yield from draft.find_message(message.tenant, message.thread_id, message.message_id)
    if same is not None:
        if (same.turn, same.run_id, same.role) != (message.turn, message.run_id, message.role):
            raise MessageExists(message.message_id)
        return
    taken = yield FindMessage(message.tenant, message.thread_id, message.client_id, message.turn, message.place)
    if taken is not None:
        raise MessageExists(message.message_id)
    draft.insert_message(message)
    draft.topics.add(topics.thread(message.tenant, message.thread_id))


def put_parts(draft: Draft, operation: PutParts, run: RunRecord) -> Decision[None]:
    """Decide PutParts."""
    message = yield from _own(draft, run, operation.message_id)
    draft.add(WriteParts(message, operation.first, operation.parts, operation.version))
    draft.topics.add(topics.thread(message.tenant, message.thread_id))


def set_message(draft: Draft, operation: SetMessage, run: RunRecord) -> Decision[None]:
    """Decide SetMessage."""
    message = yield from _own(draft, run, operation.message_id)
    if operation.version <= message.version:
        return
    status = operation.status
    if status is not None and _RANK[status] < _RANK[message.status]:
        status = None
    given = (operation.at, operation.version, status, operation.finish_reason, operation.model)
    draft.update_message(UpdateMessage(message, *given))
    draft.topics.add(topics.thread(message.tenant, message.thread_id))


def _own(draft: Draft, run: RunRecord, message_id: str) -> Decision[Message]:
    """A message that the run writes. Raises: MessageNotFound."""
    message: Message | None = None
    if run.thread_id is not None:
        message = yield from draft.find_message(run.tenant, run.thread_id, message_id)
    if message is None or message.run_id != run.run_id:
        raise MessageNotFound(message_id)
    return message

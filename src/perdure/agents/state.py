"""A turn as its loop holds it: the messages before it, and the assistant's message as far as it has come."""

from __future__ import annotations

import msgspec

from perdure.core.messages import Message, Part, ToolCallPart
from perdure.core.values import Value
from perdure.errors import MessageNotFound, ThreadNotFound
from perdure.runs.protocols import RunContext


class TurnInput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a turn's run is asked to do; the user's message is in the thread, by its id, and here by its hash."""

    thread_id: str
    user_message_id: str
    message_id: str
    text_hash: str
    model: str | None = None
    settings: dict[str, Value] = {}


class TurnState:
    """The state of one attempt of a turn; `parts` are those of the assistant's message that are durable.

    Shape: `stored` are those that an attempt before had left; `begun` are the places of calls whose tools were called.
    """

    def __init__(self, given: TurnInput, turn: int, history: list[Message], metadata: dict[str, Value]) -> None:
        self.given = given
        self.turn = turn
        self.history = history
        self.metadata = metadata
        self.parts: list[Part] = []
        self.stored: tuple[Part, ...] = ()
        self.begun: set[int] = set()
        self.step = 0
        self.finish_reason: str | None = None
        self.model: str | None = None
        self.settings: dict[str, Value] = {}

    @property
    def message_id(self) -> str:
        """The assistant's message."""
        return self.given.message_id

    def open_calls(self) -> list[tuple[int, ToolCallPart]]:
        """The calls without a result, by their places, also those that this attempt has not come to."""
        parts = (*self.parts, *self.stored[len(self.parts) :])
        return [
            (place, part)
            for place, part in enumerate(parts)
            if isinstance(part, ToolCallPart) and part.state == "pending"
        ]

    def may_have_run(self, place: int) -> bool:
        """Whether a call may have had its effect: its tool was called here, or an attempt before knew of the call."""
        return place in self.begun or place < len(self.stored)

    def put(self, first: int, parts: tuple[Part, ...]) -> None:
        """Take in parts from a place on."""
        self.parts[first : first + len(parts)] = parts


async def load(context: RunContext, given: TurnInput) -> TurnState:
    """Read the path of turns up to this one; it sees nothing of others.

    Raises: ThreadNotFound, MessageNotFound.
    """
    tenant, thread_id = context.tenant, given.thread_id
    thread = await context.read(lambda store: store.threads.get(thread_id, tenant=tenant))
    if thread is None:
        raise ThreadNotFound(thread_id)
    messages = await context.read(lambda store: store.messages.path(thread_id, tenant=tenant, turn=context.run.turn))
    own = next((message for message in messages if message.message_id == given.message_id), None)
    if own is None:
        raise MessageNotFound(given.message_id)
    history = [message for message in messages if message is not own]
    state = TurnState(given, own.turn, history, thread.metadata)
    state.stored = own.parts
    state.settings = dict(thread.settings)
    return state

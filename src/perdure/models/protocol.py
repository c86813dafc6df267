"""The seam: what perdure asks of a language model, and what it gets back.

A model call is one stream of deltas that ends with one reply. Whoever calls keeps the deltas; so a call that is cut
off at any moment leaves what it had said.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from perdure.core.messages import Message, Part, Usage


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as a model sees it; `parameters` is a JSON schema of one object."""

    name: str
    description: str
    parameters: dict[str, Any]


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Shape: `messages` is a valid history: every tool call in it has an output or an error, and the last message is
    the user's or the assistant's whose calls have just ended. `settings` are the provider's names (temperature,
    max_tokens, tool_choice…), and the deadlines `connect_timeout`, `first_event_timeout`, `idle_timeout` and
    `timeout` in seconds, None for no limit; the embedded model has `pace` and `tag`, which others pass over. `step`
    counts the model steps of the turn, from 0, and is the `step` of the reply's parts.
    """

    messages: tuple[Message, ...]
    instructions: str = ""
    tools: tuple[ToolSpec, ...] = ()
    settings: dict[str, Any] = {}
    step: int = 0


class ModelDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a reply's part number `index`.

    Shape: a delta of a tool's input carries `call_id` and `tool` each time; the first may be empty, so that a reader
    knows at once which tool is being called. Parts that stream nothing have an index and no delta.
    """

    index: int
    kind: Literal["text", "reasoning", "tool_input"]
    text: str
    call_id: str | None = None
    tool: str | None = None


class ModelReply(msgspec.Struct, frozen=True, kw_only=True):
    """The whole reply, always the last item: its parts in order, the deltas of each joined.

    Shape: `finish_reason` is one of stop, tool_calls, length, content_filter, or the provider's own word. Only the
    first two are the end of a whole reply; with any other the reply counts as cut off, and a call that is its last
    part is not run.
    """

    parts: tuple[Part, ...]
    finish_reason: str
    usage: Usage
    model: str = ""


ModelEvent: TypeAlias = ModelDelta | ModelReply


class Model(Protocol):
    """A language model."""

    @property
    def name(self) -> str:
        """`provider:model`."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Ask; closing the generator, or cancelling whoever reads it, ends the request at the provider.

        Shape: deltas, then one ModelReply. A reader that stops before the end closes the generator (`aclosing`).
        Raises: ModelError's subclasses while reading, SettingInvalid for a setting that the model can't use; never
        an SDK's own error.
        """
        ...

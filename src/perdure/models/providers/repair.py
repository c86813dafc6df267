"""What is stored as it came, in a form that every provider takes back.

Providers and chat templates refuse a request for good because of one call id that was used twice, a name that a model
made up, or arguments that are no JSON. What is stored stays; what is sent is repaired, the same way each time, so that
a provider's cache of the prompt keeps its value.
"""

from __future__ import annotations

import re

from perdure.core.messages import Message, ToolCallPart
from perdure.models.arguments import is_sendable, read_arguments
from perdure.models.protocol import ToolSpec

NO_ANSWER = "(No answer was given.)"
NO_TEXT = "(The tool returned no text.)"
GO_ON = "(Go on.)"

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_ID_HEAD = 32
_NAME_CHARS = 64
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


class Ids:
    """Ids that are unique in one history: the provider's own where it can be sent, else one made of it, or none."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._items: set[tuple[str | None, str]] = set()

    def of_item(self, provider: str | None, item_id: str | None) -> str | None:
        """A provider's own id of a part; of a part that has the id of an earlier one, none."""
        if item_id is None or (provider, item_id) in self._items:
            return None
        self._items.add((provider, item_id))
        return item_id

    def of_call(self, call_id: str) -> str:
        """The id of the next call."""
        clean = call_id if _ID.fullmatch(call_id) else _FOREIGN.sub("_", call_id)[:_ID_HEAD] or "call"
        found, n = clean, 1
        while found in self._taken:
            n += 1
            found = f"{clean[:_ID_HEAD]}_{n}"
        self._taken.add(found)
        return found


def tool_name(name: str) -> str:
    """A name that may be sent, of one that a model made up."""
    return _FOREIGN.sub("_", name)[:_NAME_CHARS] or "unknown"


def arguments(text: str) -> str | dict[str, object]:
    """Arguments that may be sent; a text that is no JSON object is shown to the model as such."""
    if is_sendable(text):
        return text
    try:
        return read_arguments(text)
    except ValueError:
        return {"INVALID_JSON": text}


def declared(tools: tuple[ToolSpec, ...], messages: tuple[Message, ...]) -> tuple[ToolSpec, ...]:
    """The tools to declare: some providers refuse a history with calls where there are none at all."""
    if tools:
        return tools
    called = [part.tool for message in messages for part in message.parts if isinstance(part, ToolCallPart)]
    return tuple(
        ToolSpec(name=name, description="No longer available.", parameters={"type": "object", "properties": {}})
        for name in dict.fromkeys(tool_name(name) for name in called)
    )

"""Which tool call a piece of a chat-completions stream belongs to, whatever its server makes of `index` and `id`.

As OpenAI writes it, each call has an index of its own, and only its first piece has the id and the name. Servers
differ: calls share an index and differ by id; there is no index, or no id; the id is another one in every piece; the
name is repeated in every piece; each call comes whole in one chunk, or whole once more after its pieces; an empty
object stands where the arguments follow. A piece begins a call when it has a name, and an id that its index does not
have yet, or when the call before it is whole. Any other goes on with the call that it is for.
"""

from __future__ import annotations

import json

from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

EMPTY = "{}"


class _Call:
    """A call in the making, at its place in the reply."""

    def __init__(self, place: int, call_id: str) -> None:
        self.place, self.call_id = place, call_id
        self.name = self.arguments = ""

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are one JSON object already."""
        try:
            return isinstance(json.loads(self.arguments), dict)
        except (ValueError, RecursionError):
            return False


class Calls:
    """The calls of one reply; gives every piece the index of its call, and each call one id and one name."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int | None, _Call] = {}
        self._by_id: dict[tuple[int | None, str], _Call] = {}

    @property
    def has_nameless(self) -> bool:
        """Whether no piece of some call had a name."""
        return any(not call.name for call in self._calls)

    def sort(self, piece: ChoiceDeltaToolCall) -> None:
        """Change a piece in place."""
        call_id, function = piece.id or "", piece.function
        name = (function.name if function else None) or ""
        arguments = (function.arguments if function else None) or ""
        index: int | None = piece.index  # the SDK lets null through
        call = self._by_id.get((index, call_id)) if call_id else None
        call = call or self._by_index.get(index)
        if call is None or _begins(call, call_id, name, arguments):
            call = _Call(len(self._calls), call_id)
            self._calls.append(call)
        elif _repeats(call, call_id, name, arguments):
            arguments = ""  # the whole call, once more
        self._by_index[index] = call
        if call_id:
            self._by_id[index, call_id] = call
        piece.index, piece.id = call.place, None if call.call_id and call.name else call_id or None
        call.call_id = call.call_id or call_id
        if function is not None:
            function.name, function.arguments = _rest_of(call.name, name) or None, arguments
        call.name += _rest_of(call.name, name)
        if call.arguments == EMPTY and arguments:
            call.arguments = ""
        elif not call.arguments and arguments.strip() == EMPTY and function is not None:
            function.arguments = ""  # of a call without arguments an empty object is made in the end
        call.arguments += arguments.strip() if arguments.strip() == EMPTY else arguments


def _begins(call: _Call, call_id: str, name: str, arguments: str) -> bool:
    """Whether a piece at the index of a call begins another one."""
    if not name or not call.name:
        return False
    if call_id and call.call_id and call_id != call.call_id:
        return True
    if _repeats(call, call_id, name, arguments):
        return False
    if name != call.name and call.arguments:
        return True
    return arguments.lstrip().startswith("{") and call.is_whole


def _repeats(call: _Call, call_id: str, name: str, arguments: str) -> bool:
    """Whether a piece is a whole call once more. Without ids, the same call twice is two calls."""
    if arguments != call.arguments or not call.is_whole:
        return False
    return (call_id or name) != "" and call.call_id != "" and call_id in {"", call.call_id} and name in {"", call.name}


def _rest_of(known: str, name: str) -> str:
    """What a piece adds to a name: nothing where it repeats it."""
    return name.removeprefix(known)

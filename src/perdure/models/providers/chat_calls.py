"""Which tool call a piece of a chat-completions stream belongs to, whatever its server makes of `index` and `id`.

As OpenAI writes it, each call has an index of its own, and only its first piece has the id and the name. Servers
differ: calls share an index and differ by id; there is no index, or no id; the id is another one in every piece; the
name is repeated in every piece; each call comes whole in one chunk, or whole once more after its pieces; an empty
object stands where the arguments follow. A piece begins a call when it has a name, and an id that its index does not
have yet, or when the call before it is whole. Any other goes on with the call that it is for. A call that comes whole
once more, in whatever spelling, is the one that was there: to run it twice is worse than to run it once.
"""

from __future__ import annotations

import json
from typing import cast

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
        return _object(self.arguments) is not None


class Calls:
    """The calls of one reply; gives every piece the index of its call, and each call one id and one name."""

    def __init__(self, tools: frozenset[str] = frozenset()) -> None:
        """Shape: `tools` are the names of the tools that may be called."""
        self._tools = tools
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
        call, is_repeated = self._call_of(index, call_id, name, arguments)
        if is_repeated:
            arguments = ""
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

    def _call_of(self, index: int | None, call_id: str, name: str, arguments: str) -> tuple[_Call, bool]:
        """The call that a piece is for, a new one where it begins one, and whether it is one that was there, again."""
        for known in self._calls:
            if _repeats(known, call_id, name, arguments):
                return known, True
        call = self._by_id.get((index, call_id)) if call_id else None
        call = call or self._by_index.get(index)
        if call is None and index is None and not name and self._calls:  # only the first piece had an index
            of_id = [known for known in self._calls if call_id and known.call_id == call_id]
            call = (of_id or self._calls)[-1]
        if call is None or self._begins(call, call_id, name, arguments):
            call = _Call(len(self._calls), call_id)
            self._calls.append(call)
        return call, False

    def _begins(self, call: _Call, call_id: str, name: str, arguments: str) -> bool:
        """Whether a piece at the index of a call begins another one."""
        if not name or not call.name:
            return False
        if call_id and call.call_id and call_id != call.call_id:
            return True
        if call_id and call_id == call.call_id and name == call.name and call.arguments == EMPTY:
            return False  # the empty object stood where these arguments were to come
        if name != call.name and (call.arguments or {name, call.name} <= self._tools):
            return True
        return arguments.lstrip().startswith("{") and call.is_whole


def _object(text: str) -> dict[str, object] | None:
    """The JSON object that a text is, or None."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, object]", found) if isinstance(found, dict) else None


def _repeats(call: _Call, call_id: str, name: str, arguments: str) -> bool:
    """Whether a piece is a whole call once more. Without ids, the same call twice is two calls."""
    is_other = call_id and call.call_id and call_id != call.call_id
    if is_other or not (call_id or (name and call.call_id)) or name not in {"", call.name}:
        return False
    given = _object(arguments)
    return bool(given or arguments == call.arguments == EMPTY) and given == _object(call.arguments)


def _rest_of(known: str, name: str) -> str:
    """What a piece adds to a name: nothing where it repeats it."""
    return name.removeprefix(known)

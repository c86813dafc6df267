"""One chunk of a chat-completions stream, with the types that its format promises.

The `openai` client builds a chunk from whatever JSON has come, and checks nothing. Here a value of another type is read
as what it can only mean: a text that comes as a number or an object is its JSON, a count that comes as a text is its
number, one object where a list is due is a list of it, a legacy `function_call` is a tool call. What nothing depends
on is left out; what would lose a part of the answer is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from math import isfinite

from perdure.models.shapes import is_list, is_record

_LAST_INSTANT = 253_402_300_800  # the year 10000, in Unix time
_MAX_COUNT = 2**53
_COUNT = re.compile(r"\d{1,16}")
_TEXTS = ("content", "reasoning", "reasoning_content")
SAYING = (*_TEXTS, "tool_calls", "function_call", "refusal")
"""What a delta, or a whole message, may say."""


class Unreadable(Exception):
    """A part of an answer is no such thing as its format says."""


def well_typed(chunk: Mapping[str, object], said: Collection[str] = ()) -> dict[str, object]:
    """A copy of a chunk with values of the right types. Raises: Unreadable.

    Shape: a whole message in the place of a delta is one, but for those fields of it that were `said` already.
    """
    copy = dict(chunk)
    copy["id"], copy["model"] = text_of(chunk.get("id")) or "", text_of(chunk.get("model")) or ""
    created = chunk.get("created")
    is_instant = isinstance(created, int | float) and 0 <= created < _LAST_INSTANT
    copy["created"] = int(created) if is_instant and isinstance(created, int | float) else 0
    copy["usage"] = _usage(chunk.get("usage"))
    for name, is_right in (("service_tier", _is_text), ("moderation", is_record)):
        if name in copy and not is_right(copy[name]):
            del copy[name]
    choices = chunk.get("choices")
    if choices is not None and not is_list(choices):
        raise Unreadable("the choices of a chunk are no list")
    copy["choices"] = [_choice(choice, said) for choice in choices or ()]
    return copy


def text_of(value: object) -> str | None:
    """A text, or the JSON of another value; None for null."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _choice(choice: object, said: Collection[str]) -> dict[str, object]:
    if not is_record(choice):
        raise Unreadable("a choice of a chunk is no object")
    delta, logprobs = choice.get("delta"), choice.get("logprobs")
    message = choice.get("message")
    if is_record(message) and not (is_record(delta) and any(map(delta.get, SAYING))):
        delta = {name: value for name, value in message.items() if name not in said}
    if delta is not None and not is_record(delta):
        raise Unreadable("a delta is no object")
    return {
        **choice,
        "index": _whole_number(choice.get("index")) or 0,
        "finish_reason": text_of(choice.get("finish_reason")),
        "logprobs": logprobs if is_record(logprobs) and _are_records(logprobs.get("content")) else None,
        "delta": _delta(delta or {}),
    }


def _delta(delta: Mapping[str, object]) -> dict[str, object]:
    copy = dict(delta)
    for name in _TEXTS:
        value = copy.get(name)
        if not is_list(value) or name != "content":  # a list of parts is the SDK's to join
            copy[name] = text_of(value)
    for name in ("role", "refusal"):
        copy[name] = value if isinstance(value := delta.get(name), str) else None
    calls, function = delta.get("tool_calls"), copy.pop("function_call", None)
    pieces = [calls] if is_record(calls) else calls if calls is not None else []
    if not is_list(pieces):
        raise Unreadable("the tool calls of a delta are no list")
    legacy = [{"index": 0, "function": function}] if is_record(function) and not pieces else []
    copy["tool_calls"] = [_piece(piece) for piece in (*pieces, *legacy)]
    return copy


def _piece(piece: object) -> dict[str, object]:
    if not is_record(piece):
        raise Unreadable("a tool call is no object")
    function = piece.get("function")
    if function is not None and not is_record(function):
        raise Unreadable("a function of a tool call is no object")
    called = None
    if function is not None:
        called = {**function, "name": text_of(function.get("name")), "arguments": text_of(function.get("arguments"))}
    index, call_id = _whole_number(piece.get("index")), text_of(piece.get("id"))
    return {**piece, "index": index, "id": call_id, "type": "function", "function": called}


def _usage(usage: object) -> dict[str, object] | None:
    """Counts that are none count as not said; what is no count of tokens stays."""
    if not is_record(usage):
        return None
    copy = dict(usage)
    for name, value in usage.items():
        if name.endswith("_tokens"):
            count = _whole_number(value)
            copy[name] = count if count is not None and 0 <= count < _MAX_COUNT else 0
        elif name.endswith("_tokens_details"):
            copy[name] = _usage(value)
    return copy


def _whole_number(value: object) -> int | None:
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value != int(value):
        return None
    return int(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_records(value: object) -> bool:
    return is_list(value) and all(is_record(one) for one in value)

"""What OpenAI's Responses API refuses in a request, as a function over its body.

Each rule is one that it enforces with a 400: a call without its output, an output without its call, a thought without
what follows it, an id of another kind of item, or one that comes twice.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from perdure.models.shapes import is_list, is_record
from tests.models.strict import argument_complaints, schema_complaints, text_complaints

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}
_ROLES = {"system", "developer", "user", "assistant"}
_OUTPUTS = {"message", "function_call", "reasoning"}
_NOTHING: Mapping[str, Any] = {}


def complaints(body: Mapping[str, Any]) -> list[str]:
    """What is wrong with a request; empty where it is accepted."""
    items = body["input"]
    if not is_list(items) or not items:
        return [f"the input is {items!r}"]
    typed = [(str(item.get("type", "message")), item) for item in items if is_record(item)]
    return [
        *text_complaints(body),
        *_of_ids(typed),
        *_of_calls(typed),
        *_of_thoughts(typed),
        *_of_messages(typed),
        *_of_tools(body),
    ]


def _of_ids(items: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    seen = set[str]()
    for n, (kind, item) in enumerate(items):
        own = item.get("id")
        if kind == "reasoning" and not own:
            yield f"input[{n}]: a thought without an id"
        if own is None:
            continue
        if not _ID.fullmatch(own) or not own.startswith(_PREFIXES.get(kind, "")):
            yield f"input[{n}]: {own!r} is no id of a {kind}"
        if own in seen:
            yield f"input[{n}]: the id {own!r} comes twice"
        seen.add(own)


def _of_calls(items: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    called, answered = list[str](), set[str]()
    for n, (kind, item) in enumerate(items):
        call_id = item.get("call_id")
        if kind == "function_call":
            if not isinstance(call_id, str) or not _ID.fullmatch(call_id) or call_id in called:
                yield f"input[{n}]: the call's id {call_id!r} was used before, or is none"
            called.append(str(call_id))
            if not _NAME.fullmatch(item["name"]):
                yield f"input[{n}]: {item['name']!r} is no tool's name"
            yield from (f"input[{n}]: {wrong}" for wrong in argument_complaints(item["arguments"]))
        elif kind == "function_call_output":
            if call_id not in called or call_id in answered:
                yield f"input[{n}]: no call waits for the output of {call_id!r}"
            if not isinstance(item.get("output"), str):
                yield f"input[{n}]: the output is {item.get('output')!r}"
            answered.add(str(call_id))
        elif kind == "message" and item.get("role") == "user" and set(called) - answered:
            yield f"input[{n}]: a user's message before the outputs of {sorted(set(called) - answered)}"
    if set(called) - answered:
        yield f"no output for {sorted(set(called) - answered)}"


def _of_thoughts(items: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    for n, (kind, _) in enumerate(items):
        if kind != "reasoning":
            continue
        after, item = items[n + 1] if n + 1 < len(items) else ("nothing", _NOTHING)
        if after not in _OUTPUTS or item.get("role", "assistant") != "assistant":
            yield f"input[{n}]: a thought without its required following item, but {after}"


def _of_messages(items: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    for n, (kind, item) in enumerate(items):
        if kind == "message" and item.get("role") not in _ROLES:
            yield f"input[{n}]: the role {item.get('role')!r}"
        if kind == "message" and not json.dumps(item.get("content")).strip('"[] '):
            yield f"input[{n}]: {item.get('role')} without content"
        if kind not in {*_OUTPUTS, "function_call_output"}:
            yield f"input[{n}]: the type {kind!r}"
    kind, item = items[-1]
    if kind != "function_call_output" and item.get("role") != "user":
        yield f"the last item is {kind} of {item.get('role')}"


def _of_tools(body: Mapping[str, Any]) -> Iterator[str]:
    names = list[str]()
    for tool in body.get("tools") or ():
        names.append(tool["name"])
        if not _NAME.fullmatch(tool["name"]):
            yield f"{tool['name']!r} is no tool's name"
        yield from (f"tool {tool['name']}: {wrong}" for wrong in schema_complaints(tool.get("parameters")))
    if len(set(names)) < len(names):
        yield f"a tool comes twice: {names}"

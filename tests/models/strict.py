"""What the strictest provider refuses in a chat-completions request, as a function over its body.

Each rule is one that some provider or chat template enforces with a 400: Mistral's order of roles, Anthropic's empty
text and property names, OpenAI's length of a call's id, Bedrock's tools for a history that has calls.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator, SchemaError

from perdure.models.shapes import is_list, is_record

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_PROPERTY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MAX_DEPTH = 100
_AFTER = {
    "start": {"system", "user"},
    "system": {"user"},
    "user": {"assistant"},
    "assistant": {"user"},
    "calls": {"tool"},
    "tool": {"assistant"},
}


def complaints(body: Mapping[str, Any]) -> list[str]:
    """What is wrong with a request; empty where it is accepted."""
    return [*text_complaints(body), *_of_order(body["messages"]), *_of_messages(body["messages"]), *_of_tools(body)]


def text_complaints(body: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a body as JSON."""
    try:
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        yield f"the body is no JSON: {error}"


def _of_order(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    before, open_calls = "start", list[str]()
    for n, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            if not open_calls or message["tool_call_id"] != open_calls.pop(0):
                yield f"messages[{n}]: the result of {message['tool_call_id']!r} is not the next that is due"
            if before not in {"calls", "tool"}:
                yield f"messages[{n}]: a tool result after {before}"
        else:
            if open_calls:
                yield f"messages[{n}]: {role} before the results of {open_calls}"
            if role not in _AFTER[before]:
                yield f"messages[{n}]: {role} after {before}"
        calls = message.get("tool_calls")
        open_calls = [call["id"] for call in calls] if calls else open_calls
        before = "calls" if calls else role
    if open_calls or before not in {"user", "tool"}:
        yield f"the last message is {before}, with {open_calls} open"


def _of_messages(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    seen = set[str]()
    for n, message in enumerate(messages):
        content, calls = message.get("content"), message.get("tool_calls")
        if not (content is None and calls) and not (isinstance(content, str) and content.strip()):
            yield f"messages[{n}]: {message['role']} with the content {content!r}"
        for call in calls or ():
            function = call["function"]
            if call["id"] in seen or not _ID.fullmatch(call["id"]):
                yield f"messages[{n}]: the id {call['id']!r} was used before, or is none"
            seen.add(call["id"])
            if not _NAME.fullmatch(function["name"]):
                yield f"messages[{n}]: {function['name']!r} is no tool's name"
            yield from (f"messages[{n}]: {wrong}" for wrong in argument_complaints(function["arguments"]))


def argument_complaints(text: str) -> Iterator[str]:
    """What is wrong with the arguments of a call."""
    try:
        value: object = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repeats)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        yield f"the arguments {text[:80]!r} are no JSON: {error}"
        return
    if not is_record(value):
        yield f"the arguments {text[:80]!r} are no object"
    if _depth(value) > _MAX_DEPTH:
        yield "the arguments are nested too deep"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [inner for one in level for inner in _inside(one)]
    return deepest


def _inside(value: object) -> Sequence[object]:
    if is_record(value):
        return tuple(value.values())
    return value if is_list(value) else ()


def _of_tools(body: Mapping[str, Any]) -> Iterator[str]:
    tools = body.get("tools") or ()
    if not tools and any(message.get("tool_calls") for message in body["messages"]):
        yield "the history has calls, and the request declares no tools"
    if not tools and body.get("tool_choice"):
        yield "tool_choice without tools"
    names = [tool["function"]["name"] for tool in tools]
    yield from (f"{name!r} is no tool's name" for name in names if not _NAME.fullmatch(name))
    if len(set(names)) < len(names):
        yield f"a tool comes twice: {names}"
    for tool in tools:
        schema = tool["function"].get("parameters")
        yield from (f"tool {tool['function']['name']}: {wrong}" for wrong in schema_complaints(schema))


def schema_complaints(schema: object) -> Iterator[str]:
    """What is wrong with the schema of a tool's parameters."""
    if not is_record(schema) or schema.get("type") != "object":
        yield f"the parameters are no object: {schema!r}"
        return
    validator: Any = Draft202012Validator
    try:
        validator.check_schema(schema)
    except SchemaError as error:
        yield f"no JSON schema: {error.message}"
    for place in _records(schema):
        reference, properties = place.get("$ref"), place.get("properties")
        if isinstance(reference, str) and not _resolves(schema, reference):
            yield f"{reference} resolves to nothing"
        if is_record(properties):
            yield from (f"the property {name!r}" for name in properties if not _PROPERTY.fullmatch(name))


def _resolves(schema: Mapping[str, object], reference: str) -> bool:
    head, _, name = reference.rpartition("/")
    definitions = schema.get("$defs")
    return head == "#/$defs" and is_record(definitions) and is_record(definitions.get(name))


def _records(value: object) -> Iterator[Mapping[str, object]]:
    if is_record(value):
        yield value
    for inner in _inside(value):
        yield from _records(inner)

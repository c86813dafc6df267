"""Parts of messages: what this version does not know of them is kept."""

from __future__ import annotations

import msgspec
import pytest

from perdure.core.messages import Part, ReasoningPart, TextPart, ToolCallPart, UnknownPart, decode_part, encode_part

KNOWN: list[Part] = [
    TextPart(text="hello", step=2, provider={"id": 1}),
    ReasoningPart(text="hm", signature="s"),
    ToolCallPart(call_id="c", tool="t", arguments='{"a": 1}', state="completed", output=[1, None]),
]


@pytest.mark.parametrize("part", KNOWN, ids=lambda part: type(part).__name__)
def test_a_part_comes_back_as_it_was(part: Part) -> None:
    assert decode_part(encode_part(part)) == part


@pytest.mark.parametrize("part", KNOWN, ids=lambda part: type(part).__name__)
def test_a_known_part_keeps_the_fields_of_a_later_version(part: Part) -> None:
    later = msgspec.json.decode(encode_part(part)) | {"cached": {"until": 7}, "language": "nb"}
    read = decode_part(msgspec.json.encode(later))
    assert type(read) is type(part)
    assert msgspec.json.decode(encode_part(read)) == later
    changed = msgspec.structs.replace(read, step=9)
    assert msgspec.json.decode(encode_part(changed)) == later | {"step": 9}


def test_fields_in_another_order_are_no_unknown_ones() -> None:
    read = decode_part(b'{"text": "hello", "step": 0, "kind": "text"}')
    assert read == TextPart(text="hello")


def test_a_part_of_an_unknown_kind_is_kept_whole() -> None:
    data = b'{"kind":"picture","pixels":[1,2]}'
    read = decode_part(data)
    assert isinstance(read, UnknownPart)
    assert encode_part(read) == data

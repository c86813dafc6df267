"""Canonical JSON is RFC 8785's, byte for byte, whichever way it is made, but for integers that it can't carry."""

from __future__ import annotations

import math
import re

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from perdure.core.canonical import canonical_hash, canonical_json, manifest_hash
from perdure.core.manifest import Manifest, TaskSpec
from perdure.core.values import Value
from perdure.errors import NotStorable

NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.characters(max_codepoint=127))


def nested(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner, inner)


@given(st.recursive(SCALARS, nested))
def test_it_is_what_the_reference_makes(value: Value) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("code", range(0x80))
def test_every_character_of_ascii_is_escaped_as_the_reference_does(code: int) -> None:
    assert canonical_json({chr(code): chr(code)}) == rfc8785.dumps({chr(code): chr(code)})


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, math.nan]}, "value.a[1]"),
        ({"a": 2**64}, "value.a"),
        ({"a": -(2**63) - 1}, "value.a"),
        ({"a": [0.5, 2**64]}, "value.a[1]"),
        ({1: "a"}, "value"),
        ({"a": {1: 2**60}}, "value.a"),
        ([2**60, {1, 2}], "value[1]"),
        ({"é": 2**60, "b": math.nan}, "value.b"),
        (["\ud800"], "value[0]"),
        ({"a": {1, 2}}, "value.a"),
        ([b"bytes"], "value[0]"),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_path(value: Value, path: str) -> None:
    with pytest.raises(NotStorable) as refused:
        canonical_json(value)
    assert refused.value.field == path


BIG = st.integers(2**53, 2**64 - 1) | st.integers(-(2**63), -(2**53))


def marked(value: Value) -> Value:
    """The value with a text in the place of each integer that the reference refuses."""
    if isinstance(value, dict):
        return {key: marked(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [marked(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return f"@{value}@" if type(value) is int and abs(value) >= 2**53 else value


@pytest.mark.slow
@given(st.recursive(SCALARS.filter(lambda one: "@" not in str(one)) | BIG, nested))
def test_integers_that_rfc_8785_refuses_are_their_digits_and_all_else_is_the_references(value: Value) -> None:
    expected = re.sub(rb'"@(-?[0-9]+)@"', rb"\1", rfc8785.dumps(marked(value)))
    assert canonical_json(value) == expected


@pytest.mark.parametrize("beside", [None, 0.5, {"ż": 1, "\U0001f600": 2, "\ufb33": 3}])
@pytest.mark.parametrize("number", [2**53, 2**53 + 1, -(2**53), 2**63 - 1, -(2**63), 2**64 - 1])
def test_integers_of_64_bits_are_told_apart_in_hashes_whatever_stands_beside(number: int, beside: Value) -> None:
    assert f'"n":{number}'.encode() in canonical_json({"n": number, "beside": beside})
    assert canonical_hash([number, beside]) != canonical_hash([number - 1 if number > 0 else number + 1, beside])


def test_keys_beside_a_long_integer_are_in_the_references_order() -> None:
    keys = {"\U0001f600": 1, "\ufb33": 2, "a": 3, "": 4}  # by UTF-16 units, not by code points
    assert canonical_json(keys | {"z": 2**60}) == rfc8785.dumps(keys | {"z": 7}).replace(b":7", b":%d" % 2**60)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Value] = []
    value.append(value)
    with pytest.raises(NotStorable):
        canonical_json(value)


def test_a_hash_is_lowercase_sha256_of_it() -> None:
    # RFC 8785 by hand: keys sorted, no space, a float in the shortest form
    assert canonical_json({"b": 1.0, "a": "é\n"}) == '{"a":"é\\n","b":1}'.encode()
    assert canonical_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("odd", [math.nan, 2**64, {"when": math.inf}])
@pytest.mark.parametrize("field", ["id", "intent", "domain", "tenant", "input"])
def test_of_a_manifest_nothing_is_hashed_that_has_no_canonical_form(field: str, odd: Value) -> None:
    task = TaskSpec(id="review")
    manifest = Manifest(task=task)
    if field in {"id", "intent", "domain"}:
        manifest = msgspec.structs.replace(manifest, task=msgspec.structs.replace(task, **{field: odd}))
    else:
        manifest = msgspec.structs.replace(manifest, **{field: odd})
    with pytest.raises(NotStorable):
        manifest_hash(manifest)

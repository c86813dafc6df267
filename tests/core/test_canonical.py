"""Canonical JSON is RFC 8785's, byte for byte, whichever way it is made."""

from __future__ import annotations

import math

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
        ({"a": 2**53}, "value.a"),
        ({"a": -(2**53)}, "value.a"),
        ({1: "a"}, "value"),
        (["\ud800"], "value[0]"),
        ({"a": {1, 2}}, "value.a"),
        ([b"bytes"], "value[0]"),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_path(value: Value, path: str) -> None:
    with pytest.raises(NotStorable) as refused:
        canonical_json(value)
    assert refused.value.field == path


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Value] = []
    value.append(value)
    with pytest.raises(NotStorable):
        canonical_json(value)


def test_a_hash_is_lowercase_sha256_of_it() -> None:
    # RFC 8785 by hand: keys sorted, no space, a float in the shortest form
    assert canonical_json({"b": 1.0, "a": "é\n"}) == '{"a":"é\\n","b":1}'.encode()
    assert canonical_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("odd", [math.nan, 2**60, {"when": math.inf}])
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

"""A key of a dict that has no stored form, or the one of another key, is refused with what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.values import check_storable, encode
from perdure.errors import NotStorable


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({1: 1, "1": 2}, "the keys 1 and '1' have the same stored form"),
        ({(1, 2): 1}, r"the key \(1, 2\) has no stored form: a key is text, a number"),
        ({None: 1}, "the key None has no stored form"),
        ({True: 1}, "the key True has no stored form"),
        ({frozenset[int](): 1}, r"the key frozenset\(\) has no stored form"),
    ],
)
def test_the_reason_names_the_key(value: Any, reason: str) -> None:
    with pytest.raises(NotStorable, match=reason):
        encode(value)


@pytest.mark.parametrize("key", [bool, None, tuple[int, int], frozenset[int]])
def test_a_type_whose_keys_have_no_stored_form_is_refused_before_the_effect(key: Any) -> None:
    with pytest.raises(NotStorable, match="its keys have no stored form"):
        check_storable(list[dict[key, int]], "result")


@pytest.mark.parametrize("key", [str, int, float, bytes, str | int, Any])
def test_a_type_whose_keys_may_have_one_is_taken(key: Any) -> None:
    check_storable(dict[key, int], "result")

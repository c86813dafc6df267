"""Text that UTF-8 can hold, whole and in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.core.text import PiecewiseText, is_well_formed, well_formed, well_formed_data

ANY = st.text(st.characters() | st.sampled_from("\ud83d\ude00\udbff\udc00\ud800\udfffa"), max_size=8)


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("plain", "plain"),
        ("häß \U0001f600", "häß \U0001f600"),
        ("\ud83d\ude00", "\U0001f600"),
        ("a\ud83d", "a\ufffd"),
        ("\ude00b", "\ufffdb"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        ("caf\udce9.txt", "caf\ufffd.txt"),
        ("\0\ufeff", "\0\ufeff"),
        ("\ufeff\ud83d", "\ufeff\ufffd"),
    ],
)
def test_halves_are_joined_and_one_that_stays_alone_is_replaced(text: str, mended: str) -> None:
    assert well_formed(text) == mended
    assert is_well_formed(text) == (text == mended)


@given(ANY)
def test_what_is_mended_has_a_form_and_what_has_one_stays(text: str) -> None:
    mended = well_formed(text)
    mended.encode()
    assert well_formed(mended) == mended
    assert mended == text or not is_well_formed(text)


@given(st.lists(ANY, max_size=6))
def test_a_text_in_pieces_comes_to_the_text_as_a_whole(pieces: list[str]) -> None:
    text = PiecewiseText()
    shown = [text.add(piece) for piece in pieces]
    shown.append(text.end())
    assert "".join(shown) == well_formed("".join(pieces))
    for piece in shown:
        piece.encode()


def test_data_is_mended_at_any_depth_keys_too() -> None:
    value = {"a\ud83d": ["\ud83d\ude00", ("\ude00", 1, None)], "b": 2.5}
    assert well_formed_data(value) == {"a\ufffd": ["\U0001f600", ("\ufffd", 1, None)], "b": 2.5}

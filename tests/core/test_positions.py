"""Places: positions as text that sorts as the positions do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perdure.core.positions import CANCEL_BRANCH, sort_key, to_place, to_position

parts = st.lists(st.integers(0, 10**9).map(str), min_size=1, max_size=7)
positions = parts.map(".".join) | parts.map(lambda found: ".".join([CANCEL_BRANCH, *found]))


@given(st.lists(positions, unique=True))
def test_places_sort_as_positions_do(found: list[str]) -> None:
    assert sorted(found, key=to_place) == sorted(found, key=sort_key)


@given(positions | st.text())
def test_a_place_says_which_position_it_is(position: str) -> None:
    assert to_position(to_place(position)) == position


def test_places_are_short() -> None:
    assert [to_place(position) for position in ("7", "10", "3.1.0", "cancel.0")] == [
        "a7",
        "b10",
        "a3.a1.a0",
        "~cancel.a0",
    ]

"""Positions: where in a run a step stands.

`3` is the fourth call of the run's own branch, `3.1.0` the first call of the second function that its gather started.
A position is taken at the call, so it does not depend on what finishes first.
"""

from __future__ import annotations

CANCEL_BRANCH = "cancel"
_BEFORE_A = ord("a") - 1


def sort_key(position: str) -> tuple[tuple[int, int, str], ...]:
    """Orders positions as the code would have taken them; the cancel branch comes last."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in position.split("."))


def to_place(position: str) -> str:
    """A position as text that sorts as `sort_key` does: each number begins with a letter for its length."""
    if position.isdigit():  # as most are
        return chr(_BEFORE_A + len(position)) + position
    return ".".join((chr(_BEFORE_A + len(part)) if part.isdigit() else "~") + part for part in position.split("."))


def to_position(place: str) -> str:
    """The position of a place."""
    return ".".join(part[1:] for part in place.split(".")) if "." in place else place[1:]


def child(branch: str, number: int | str) -> str:
    """The position `number` in a branch; the run's own branch is the empty text."""
    return f"{branch}.{number}" if branch else str(number)

"""Cursors: `turn.seq`, as every chunk carries one."""

from __future__ import annotations

from perdure.errors import CursorInvalid


def parse_cursor(cursor: str | None, turn: int) -> int:
    """The seq to read a turn after; 0 for the beginning. Raises: CursorInvalid."""
    if cursor is None:
        return 0
    number, dot, seq = cursor.partition(".")
    if not (dot and number.isdigit() and seq.isdigit()):
        raise CursorInvalid("after", f"{cursor!r} is no cursor; use a chunk's `cursor`")
    if int(number) != turn:
        raise CursorInvalid("after", f"{cursor!r} is of turn {number}, this is turn {turn}")
    return int(seq)

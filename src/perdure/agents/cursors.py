"""Cursors of a turn, as every chunk carries one."""

from __future__ import annotations

from perdure.core.cursors import BEGINNING, Cursor, cursor_of
from perdure.errors import CursorInvalid


def parse_cursor(cursor: object, turn: int) -> Cursor:
    """The cursor to read a turn after; the beginning without one. Raises: CursorInvalid."""
    if cursor is None:
        return BEGINNING
    found = cursor_of(cursor) if isinstance(cursor, str) else None
    if found is None:
        raise CursorInvalid("after", f"{repr(cursor)[:40]} is no cursor; use a chunk's `cursor`")
    if found[0] != turn:
        raise CursorInvalid("after", f"{cursor!r} is of turn {found[0]}, this is turn {turn}")
    return found[1]

"""Cursors: `turn.seq`, as every chunk carries one."""

from __future__ import annotations

import re

from perdure.errors import CursorInvalid

_NUMBER = r"(0|[1-9][0-9]{0,17})"  # as they are given out: ASCII, and within the 64 bits of a store
_CURSOR = re.compile(rf"{_NUMBER}\.{_NUMBER}")


def parse_cursor(cursor: object, turn: int) -> int:
    """The seq to read a turn after; 0 for the beginning. Raises: CursorInvalid."""
    if cursor is None:
        return 0
    found = _CURSOR.fullmatch(cursor) if isinstance(cursor, str) else None
    if found is None:
        raise CursorInvalid("after", f"{repr(cursor)[:40]} is no cursor; use a chunk's `cursor`")
    if int(found[1]) != turn:
        raise CursorInvalid("after", f"{cursor!r} is of turn {found[1]}, this is turn {turn}")
    return int(found[2])

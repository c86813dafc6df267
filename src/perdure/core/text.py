"""Text that UTF-8 can hold: halves of surrogate pairs are joined, and one that stays alone becomes U+FFFD.

Python's text may hold halves: of an emoji that came in two pieces, of a file's name that is no UTF-8. No store, no
provider and no hash can take them. What a program is given by others (a model, a tool) is mended with this; what its
own user passes in is refused with its field, for there the text is wrong before anything has happened.

Source: Unicode 16, 3.9 (U+FFFD for ill-formed sequences).
"""

from __future__ import annotations

import json
from typing import cast

import msgspec

from perdure.core.values import Value

REPLACEMENT = "\ufffd"


def is_well_formed(text: str) -> bool:
    """Whether UTF-8 can hold it."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def well_formed(text: str) -> str:
    """The text with its halves joined or replaced; itself where there are none."""
    return text if is_well_formed(text) else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def well_formed_data(value: Value) -> Value:
    """Plain data (dicts, lists, tuples) with every text in it well formed, keys too."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        pairs = cast("dict[Value, Value]", value).items()
        return {well_formed_data(key): well_formed_data(one) for key, one in pairs}
    if isinstance(value, list):
        return [well_formed_data(one) for one in cast("list[Value]", value)]
    if isinstance(value, tuple):
        return tuple(well_formed_data(one) for one in cast("tuple[Value, ...]", value))
    return value


def decode_json(text: str) -> Value:
    """Plain data from JSON that a model wrote: halves that are written as escapes are mended too.

    Raises: ValueError where it is no JSON.
    """
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        if "\\u" not in text:
            raise
        return well_formed_data(json.loads(text, parse_constant=_no_constant))


def _no_constant(name: str) -> Value:
    raise ValueError(f"{name} is no JSON")


class PiecewiseText:
    """One text that comes in pieces: give it each, and it gives what can be shown; a first half waits for its second.

    Shape: what it gives, joined, is what `well_formed` makes of all pieces joined.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def add(self, piece: str) -> str:
        """What can be shown now."""
        whole = self._held + piece if self._held else piece
        if not whole or whole.isascii():
            self._held = ""
            return whole
        is_half = "\ud800" <= whole[-1] <= "\udbff"
        self._held = whole[-1] if is_half else ""
        return well_formed(whole[:-1] if is_half else whole)

    def end(self) -> str:
        """What is left when no piece follows."""
        held, self._held = self._held, ""
        return REPLACEMENT if held else ""

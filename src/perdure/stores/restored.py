"""What was done to a file that was accepted as it is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Log: TypeAlias = Literal["keep", "aside"]
"""What becomes of a log beside a file that may not be its own: it is applied, or gets another name."""


class Restored(msgspec.Struct, frozen=True):
    """The database, the number of times that it was restored plus one, and where a log was set aside."""

    store_id: str
    epoch: int
    set_aside: str | None

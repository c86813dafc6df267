"""What is to be known of a request where its answer is read."""

from __future__ import annotations

from typing import NamedTuple


class Asked(NamedTuple):
    """The names of the tools that may be called, and whether several answers were asked for."""

    tools: frozenset[str] = frozenset()
    several: bool = False

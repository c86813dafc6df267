"""What a store may say of itself to a person who looks."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Reporting(Protocol):
    """A store that knows something about the state that it is in."""

    def report(self) -> str:
        """What somebody should know about the store just now; empty where there is nothing."""
        ...

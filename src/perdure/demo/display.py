"""What a demo tells while it goes on."""

from __future__ import annotations

from typing import Protocol

from perdure.core.chunks import Chunk
from perdure.demo.killing import Landing
from perdure.demo.ledger import Execution


class Display(Protocol):
    """Whoever shows a demo."""

    def started(self, pid: int, *, again: bool) -> None:
        """A worker was started."""
        ...

    def executed(self, lines: list[Execution]) -> None:
        """These are the new lines of the ledger."""
        ...

    def killed(self, landing: Landing) -> None:
        """A kill landed."""
        ...

    def feed(self, chunk: Chunk) -> None:
        """This is a chunk of the answer."""
        ...

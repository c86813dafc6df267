"""Everything that a store holds, out of one and into another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # decisions are loaded when a store is opened: they are a fifth of an import
    from perdure.core.decisions.changes import Change, Row


class Transfer(Protocol):
    """Rows as the changes that would make them: what one store gives, any other takes."""

    def export(self) -> AsyncGenerator[tuple[Row, ...]]:
        """All rows but those of workers, in batches, each after what it refers to, read at one instant.

        Shape: in an order that depends on the rows alone, so that two stores with the same rows give the same.
        """
        ...

    async def load(self, changes: Sequence[Change]) -> None:
        """Write rows as they are, whole and durable, or not at all.

        Raises: StoreNotEmpty, decided in the transaction that writes: of two that load at once, one is refused.
        """
        ...

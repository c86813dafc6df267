"""Stores whose export is not whole."""

from collections.abc import AsyncGenerator
from typing import Any

from perdure.core.decisions.changes import Row
from perdure.stores.memory import transfer
from perdure.testing.store_suite.facets.transfer import TransferPromises
from tests.broken.registry import BreakableStore, caught_by


class ReadsAsItGoes(transfer.Transfer):
    async def export(self) -> AsyncGenerator[tuple[Row, ...]]:
        first = 0
        while (
            batch := tuple(transfer._every(self._look()))[  # pyright: ignore[reportPrivateUsage]
                first : first + transfer.BATCH
            ]
        ):
            yield batch
            first += transfer.BATCH


@caught_by(TransferPromises.test_an_export_is_of_one_instant)
class ExportsOfNoInstant(BreakableStore):
    """Reads each batch of an export when it is asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.transfer = ReadsAsItGoes(self._look, self._load)

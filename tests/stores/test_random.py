"""What a suite should not take time for: more logs, and more histories; PERDURE_FUZZ says how many."""

import os
from pathlib import Path

import pytest

from perdure.testing.store_suite.facets.folding import FoldingPromises
from perdure.testing.store_suite.facets.random_histories import RandomHistoryPromises

MANY = int(os.environ.get("PERDURE_FUZZ", "300"))


@pytest.mark.slow
@pytest.mark.fuzz
class TestManyLogs(FoldingPromises):
    logs = MANY

    def url(self, folder: Path) -> str:
        return "memory:"


@pytest.mark.slow
@pytest.mark.fuzz
class TestManyHistories(RandomHistoryPromises):
    histories = MANY

    def url(self, folder: Path) -> str:
        return "memory:"

"""The fold property over more logs than a suite should take time for; PERDURE_FUZZ says how many."""

import os
from pathlib import Path

import pytest

from perdure.testing.store_suite.facets.folding import FoldingPromises


@pytest.mark.slow
@pytest.mark.fuzz
class TestManyLogs(FoldingPromises):
    logs = int(os.environ.get("PERDURE_FUZZ", "1000"))

    def url(self, folder: Path) -> str:
        return "memory:"

from pathlib import Path

import pytest

from perdure.testing.store_suite import FacetSuite, ProcessSuite


class TestSqlite(FacetSuite):
    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'x.db'}"


@pytest.mark.slow
@pytest.mark.chaos
class TestSqliteOfManyProcesses(ProcessSuite):
    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'x.db'}"

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.forking import Forker
from tests.cli.shell import Shell


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    made = Forker()
    yield made
    made.close()


@pytest.fixture
def shell(tmp_path: Path, forker: Forker) -> Iterator[Shell]:
    made = Shell(tmp_path, forker)
    yield made
    made.close()

"""What the suite's docstring says to write is enough: a stranger's store is tested, and a bad one is told so."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from perdure.testing import store_suite

pytestmark = pytest.mark.slow

STORE = """
from perdure.stores.memory import MemoryStore
from perdure.stores.port import EventReads

class Forgetful(MemoryStore):
    def __init__(self, clock) -> None:
        super().__init__(clock=clock)
        self.events = Nothing()

class Nothing:
    async def get(self, run_id, key, *, tenant):
        return None

    async def list(self, run_id, *, tenant, after=0):
        return []

async def open_my_store(url: str, *, clock) -> MemoryStore:
    return Forgetful(clock) if "{kind}" == "bad" else MemoryStore(clock=clock)
"""


def run_suite(folder: Path, kind: str) -> str:
    example = (store_suite.__doc__ or "").partition('asyncio_mode = "auto"`:')[2].partition("What needs")[0]
    (folder / "my_package").mkdir(exist_ok=True)
    (folder / "my_package" / "stores.py").write_text(STORE.format(kind=kind))
    (folder / "test_mine.py").write_text(textwrap.dedent(example))
    paths = os.pathsep.join([str(folder), *sys.path])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    command += ["-o", "addopts=", "-k", "event and not thread", "--rootdir", str(folder), str(folder / "test_mine.py")]
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True).stdout


def test_a_store_that_keeps_its_promises_passes(tmp_path: Path) -> None:
    report = run_suite(tmp_path, "good")
    assert " passed" in report, report
    assert "failed" not in report, report


def test_a_store_that_does_not_is_told_what_was_compared(tmp_path: Path) -> None:
    report = run_suite(tmp_path, "bad")
    assert "test_events_come_in_the_order_in_which_they_came" in report, report
    assert "AssertionError: assert [] == ['event:b', " in report, report

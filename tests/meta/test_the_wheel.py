import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.meta.project import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    return next(folder.glob("perdure-*.whl"))


def test_the_wheel_is_typed(wheel: Path) -> None:
    assert "perdure/py.typed" in ZipFile(wheel).namelist()


def test_the_wheel_carries_the_package_and_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in ZipFile(wheel).namelist()}
    assert {top.partition("-")[0] for top in tops} == {"perdure"}
    assert len(tops) == 2, "the package and its dist-info"


def test_the_wheel_can_be_imported(wheel: Path) -> None:
    program = "from perdure import *; import perdure; print(perdure.__file__)"
    environment = os.environ | {"PYTHONPATH": str(wheel)}
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert answer.startswith(str(wheel))

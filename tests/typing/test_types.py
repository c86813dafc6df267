"""The public API has the types that a user expects: pyright finds the marked errors in the cases, and no others.

A line that must not pass ends with the rules that it breaks, as in `# error: reportArgumentType`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import pytest

CASES = Path(__file__).parent / "cases"
MARKER = re.compile(r"# error: (\w+(?:, \w+)*)$")
# An extra error, a missing one, another one, and one as it is marked: the comparison has to see the first three.
CONTROL = """
unmarked: int = "one"
marked: int = 1  # error: reportAssignmentType
other: int = "two"  # error: reportCallIssue
both: int = "three"  # error: reportAssignmentType
"""

Errors: TypeAlias = dict[str, set[str]]
"""The rules that are broken, by the place: a file's name and the line."""


def expected(path: Path) -> Errors:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return {
        f"{path.name}:{number}": set(found[1].split(", ")) for number, line in lines if (found := MARKER.search(line))
    }


def found(folder: Path) -> Errors:
    """What pyright, run once, finds in a folder."""
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    said = subprocess.run(
        [sys.executable, "-m", "pyright", "-p", folder, "--outputjson", "--pythonpath", sys.executable],
        env=os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    errors = Errors()
    for one in json.loads(said)["generalDiagnostics"]:
        place = f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}"
        errors.setdefault(place, set()).add(one.get("rule", one["message"]))
    return errors


def differences(errors: Errors, marked: Errors) -> dict[str, tuple[set[str], set[str]]]:
    """Where the two do not agree: what was found there, and what was marked."""
    pairs = {place: (errors.get(place, set()), marked.get(place, set())) for place in sorted(errors | marked)}
    return {place: pair for place, pair in pairs.items() if pair[0] != pair[1]}


@pytest.mark.slow
def test_pyright_finds_the_marked_errors_and_no_others(tmp_path: Path) -> None:
    shutil.copytree(CASES, tmp_path, dirs_exist_ok=True)  # a pyright project sees nothing outside its own folder
    (tmp_path / "control.py").write_text(CONTROL)
    marked = Errors()
    for path in tmp_path.glob("*.py"):
        marked |= expected(path)
    assert len({place.partition(":")[0] for place in marked}) == len(list(CASES.glob("*.py"))) + 1
    assert differences(found(tmp_path), marked) == {
        "control.py:2": ({"reportAssignmentType"}, set()),
        "control.py:3": (set(), {"reportAssignmentType"}),
        "control.py:4": ({"reportAssignmentType"}, {"reportCallIssue"}),
    }


def test_the_package_says_that_it_is_typed() -> None:
    assert files("perdure").joinpath("py.typed").is_file()

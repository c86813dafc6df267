"""Decision records: each has a number of its own, says it in its title, and is short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.meta.project import ROOT

RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def test_each_record_has_a_number_of_its_own() -> None:
    numbers = [path.name[:4] for path in RECORDS]
    assert len(set(numbers)) == len(numbers) > 0


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_named_by_its_number_and_has_at_most_60_lines(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    number = re.fullmatch(r"(\d{4})-[a-z0-9-]+", path.stem)
    assert number is not None
    assert lines[0].startswith(f"# {int(number[1])}. ")
    assert len(lines) <= 60

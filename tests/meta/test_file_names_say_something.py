import re
from pathlib import Path

from tests.meta.project import ROOT, tracked

EMPTY = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def says_nothing(path: Path) -> bool:
    return any(EMPTY & set(re.split(r"[_.-]", part.lower())) for part in path.parts)


def test_no_source_file_or_folder_has_a_name_that_fits_anything() -> None:
    sources = [path.relative_to(ROOT) for path in tracked() if path.suffix in {".py", ".ts", ".tsx"}]
    assert sources
    assert [str(path) for path in sources if says_nothing(path)] == []


def test_an_empty_name_is_seen() -> None:
    assert says_nothing(Path("src/perdure/stores/sql_utils.py"))
    assert says_nothing(Path("src/perdure/common/lease.py"))
    assert not says_nothing(Path("src/perdure/stores/uncommon.py"))

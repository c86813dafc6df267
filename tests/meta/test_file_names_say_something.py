import re
from pathlib import Path

from tests.meta.project import ROOT, tracked

EMPTY = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


PLACES = {
    "core/decisions/claims.py": "def claim(",
    "core/decisions/takeovers.py": "def take_over(",
    "core/decisions/transitions.py": "def wake(",
    "core/fold.py": "class Fold:",
    "core/retry.py": "class Retry:",
    "runs/heartbeat.py": "class Heartbeat:",
    "runs/recovery.py": "class Recovery:",
    "runs/timers.py": "class SleepCall(",
    "runs/gather.py": "class GatherCall(",
    "runs/in_doubt.py": "def decision_of(",
    "agents/tool_step.py": "class _ToolStep:",
    "agents/model_step.py": "class ModelStep",
    "stores/sqlite/group.py": "class Group:",
    "stores/sqlite/write_queue.py": "class WriteQueue:",
}
"""Where each of these is defined, under `src/perdure`."""


def says_nothing(path: Path) -> bool:
    return any(EMPTY & set(re.split(r"[_.-]", part.lower())) for part in path.parts)


def test_no_source_file_or_folder_has_a_name_that_fits_anything() -> None:
    sources = [path.relative_to(ROOT) for path in tracked() if path.suffix in {".py", ".ts", ".tsx"}]
    assert sources
    assert [str(path) for path in sources if says_nothing(path)] == []


def test_what_a_newcomer_looks_for_is_in_a_file_of_its_name() -> None:
    package = ROOT / "src" / "perdure"
    assert {path: what for path, what in PLACES.items() if what not in (package / path).read_text()} == {}


def test_an_empty_name_is_seen() -> None:
    assert says_nothing(Path("src/perdure/stores/sql_utils.py"))
    assert says_nothing(Path("src/perdure/common/lease.py"))
    assert not says_nothing(Path("src/perdure/stores/uncommon.py"))

"""The costs in tiny sizes: every figure is there; how large it is, is for the benchmark itself."""

from pathlib import Path

import pytest

from benchmarks import costs
from benchmarks.costs.limits import LIMITS, Sizes, is_met, missed, table

TINY = Sizes(
    rounds=1,
    children=2,
    steps=5,
    replayed=5,
    deltas=3,
    readers=(2,),
    process_steps=5,
    thread_turns=1,
    steps_while_read=2_500,
    steps_after_reader=1,
    eager_deltas=300,
)
COUNTED = ("lone_turn_commits", "delta_statements", "plan_scans", "plan_sorts")
OF_SIZE = {"children_2000_of_500", "readers_100", "readers_1000"}
OF_OTHERS = {"suspended_mb", "import_of_base", *(name for name in LIMITS if name.startswith(("wake_", "timers_")))}


@pytest.mark.slow
async def test_every_figure_that_has_a_limit_is_measured(tmp_path: Path) -> None:
    figures = await costs.measure(f"sqlite:///{tmp_path}/bench.db", TINY)
    assert LIMITS.keys() - OF_SIZE - OF_OTHERS <= figures.keys()
    assert {"children_8_of_2", "readers_2"} <= figures.keys()
    assert figures["delta_commits"] in (1, 2, 3)
    assert (figures["step_commits"], figures["step_statements"]) == (1, 1)
    assert (figures["event_commits"], figures["unawaited_event_wakeups"], figures["long_readers_named"]) == (1, 0, 1)
    assert figures["wakeup_commits"] == 3
    assert missed({name: figures[name] for name in COUNTED}) == []


def test_a_figure_is_met_up_to_its_limit() -> None:
    assert is_met("lone_turn_commits", 7)
    assert not is_met("lone_turn_commits", 8)
    assert is_met("two_processes_of_one", 0.8)
    assert not is_met("two_processes_of_one", 0.79)
    assert is_met("without a limit", 1e9)


def test_the_table_names_what_is_missed() -> None:
    figures: dict[str, float | int | str] = {"lone_turn_pages": 41, "delta_pages": 1.0, "step_pages": 1.0}
    assert missed(figures) == ["lone_turn_pages"]
    lines = table(figures).splitlines()
    assert [line.split()[0] for line in lines if line.endswith("MISSED")] == ["lone_turn_pages"]
    assert [line.split()[0] for line in lines if line.endswith(" met")] == ["delta_pages"]

"""The comparison without any peer: what the command line takes, and what is made of the answers."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import OF_A_STORE, arguments
from benchmarks.peers import compare, environments
from benchmarks.peers.compare import Answer, result_of
from benchmarks.peers.table import Result, as_json, table
from tests.meta.project import ROOT


def result(steps: float, runs: float, syncs: float | None = 1.0) -> Result:
    return Result("1.2", "SQLite, wal journal, synchronous FULL", steps, runs, syncs, syncs)


def answer(steps: float, **counted: float) -> Answer:
    return {"version": "1.2", "durability": "SQLite", "a_steps_per_s": steps, "b_runs_per_s": steps / 5, **counted}


RESULTS = {"perdure": result(4_000, 2_000), "floor": result(8_000, 1_600), "slow": result(400, 16, 0.4)}


def test_peers_takes_the_folder_of_its_stores(tmp_path: Path) -> None:
    given = arguments(["peers", "--store-folder", str(tmp_path), "--json"])
    assert (given.name, given.store_folder, given.json) == ("peers", tmp_path, True)
    assert arguments([]).store_folder is None


@pytest.mark.parametrize(
    "words",
    [
        ["peers", "--store", "sqlite:///one.db"],
        ["peers", "--store-folder", "no such folder"],
        ["steps", "--store-folder", "."],
    ],
)
def test_an_option_of_something_else_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(words)


def test_each_system_stands_beside_perdure_and_the_floor() -> None:
    lines = table(RESULTS, {"gone": "npm is not installed"}, rounds=5).splitlines()
    (slow,) = (line.split() for line in lines if line.startswith("slow 1.2  "))
    assert slow == ["slow", "1.2", "400", "0.100", "0.050", "0.40", "16", "0.008", "0.010", "0.40"]
    assert "perdure 1.2: SQLite, wal journal, synchronous FULL; each step of A is fsynced" in lines
    assert "slow 1.2: SQLite, wal journal, synchronous FULL; NOT each step of A is fsynced" in lines
    assert lines[-1] == "gone is left out: npm is not installed"


def test_what_was_not_counted_is_not_claimed() -> None:
    shown = table({"perdure": result(4, 4, None), "floor": result(4, 4, None)}, {}, rounds=5)
    assert "fsyncs were not counted" in shown
    assert "fsynced" not in shown


def test_a_program_reads_the_same_figures() -> None:
    read = as_json(RESULTS, {"gone": "why"}, rounds=5)
    assert json.loads(json.dumps(read)) == read
    assert read["left_out"] == {"gone": "why"}


def test_the_median_is_that_of_the_timed_rounds() -> None:
    answers = [answer(10), answer(30), answer(20), answer(1, a_syncs_per_step=2.0, b_syncs_per_run=7.0)]
    assert result_of(answers) == Result("1.2", "SQLite", 20, 4, 2.0, 7.0)


def test_a_peer_that_is_not_there_or_fails_is_left_out_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def python_of(name: str) -> Path:
        if name == "dbos":
            raise environments.LeftOut("not installed: no such release")
        return tmp_path

    def run(name: str, python: Path, store_folder: Path, *, traced: bool) -> Answer:
        if name == "absurd":
            raise environments.LeftOut("failed: PostgreSQL is not installed")
        return answer(1, **({"a_syncs_per_step": 1.0, "b_syncs_per_run": 5.0} if traced else {}))

    monkeypatch.setattr(compare, "python_of", python_of)
    monkeypatch.setattr(compare, "_run", run)
    compare.compare(tmp_path, to_json=True, rounds=1)
    *_, last = capsys.readouterr().out.splitlines()
    read = json.loads(last)
    assert read["left_out"] == {
        "dbos": "not installed: no such release",
        "absurd": "failed: PostgreSQL is not installed",
    }
    assert list(read["systems"]) == ["perdure", "floor", "langgraph", "restate"]


def test_each_peer_has_a_program_and_a_lock_of_hashes_without_addresses() -> None:
    for name in compare.PEERS:
        assert (ROOT / "benchmarks" / "peers" / "systems" / f"{name}.py").exists()
        lock = (environments.LOCKS / f"{name}.txt").read_text()
        assert "--hash=sha256:" in lock
        assert "://" not in lock


def test_each_benchmark_is_in_the_list() -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text()
    assert [name for name in (*OF_A_STORE, "import", "peers") if f"| `{name}` |" not in page] == []

"""`perdure demo`, as it is run by a stranger, and by one who doubts that its numbers are counted."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

from perdure.core.ids import derived_random
from perdure.demo.counting import Tally
from perdure.demo.killing import Killer, Sight
from perdure.demo.ledger import ledger_at
from perdure.demo.outbox import Outbox
from perdure.demo.received import chunks_of, received_at
from tests.cli.shell import Shell, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.chaos]

NUMBERS = ["kills", "turn_status", "reports_sent", "committed_steps_rerun", "stream_gaps", "stream_duplicates"]
TOOL_FOR = 0.4


def path_of(said: str, name: str) -> Path:
    return Path(next(line for line in said.splitlines() if line.startswith(f"{name} ")).split(maxsplit=1)[1].strip())


def perform(shell: Shell, *arguments: str) -> tuple[str, Tally, int]:
    """A demo with its files in the test's folder: what it said, its numbers, its exit code."""
    ended = shell.run("demo", "--json", *arguments, TMPDIR=str(shell.folder))
    assert not ended.stderr, ended.stderr
    return ended.stdout, msgspec.json.decode(ended.stdout.splitlines()[-1], type=Tally), ended.returncode


def test_a_turn_whose_worker_is_killed_five_times_comes_out_whole_and_once(shell: Shell) -> None:
    said, tally, code = perform(shell, "--kills", "5", "--seed", "7")
    assert (code, tally.is_right(5)) == (0, True), said
    assert list(msgspec.json.decode(said.splitlines()[-1])) == [*NUMBERS, "messages", "elapsed_s"]
    landings = re.findall(r"^kill \d +seq (\d+) of (\d+) +(.*\S)", said, re.MULTILINE)
    assert len(landings) == tally.kills
    assert any(where.startswith("inside ") for _, _, where in landings), "one between a tool's start and its end"
    assert all(0 < int(seq) < int(last) for seq, last, where in landings if "answer" in where)
    assert any("in the middle of the answer" in where for _, _, where in landings), "one with 0 < seq < last"
    assert len(Outbox(path_of(said, "outbox")).read()) == 1
    received = received_at(path_of(said, "received")).read()
    assert len({line.connection for line in received}) > 1, "the reader came back again and again"
    tags = {chunk.text.split(":")[0] for chunk in chunks_of(received) if chunk.text.startswith("attempt ")}
    assert len(tags) > 1, "it had seen words that were taken back"
    assert path_of(said, "ledger").exists()


def plans_to_kill_after_the_report_was_sent(seed: int) -> bool:
    """Of two kills, the first is meant for a moment inside send_report when the report is in the outbox already."""
    killer = Killer(2, derived_random(f"{seed} conductor".encode()), TOOL_FOR)
    early = Sight(tools=20, working_for=100.0)
    return not killer.due(early) and killer.reports_only and killer.inside_for > 0.7 * TOOL_FOR


def test_a_sender_that_ignores_its_key_sends_twice_for_some_seed_and_one_that_heeds_it_does_not(shell: Shell) -> None:
    seed = next(seed for seed in range(1000) if plans_to_kill_after_the_report_was_sent(seed))
    arguments = ("--kills", "2", "--seed", str(seed))
    said, tally, code = perform(shell, *arguments, "--careless")
    assert (tally.reports_sent, code) == (2, 1), said
    assert tally.turn_status == "completed"
    said, tally, code = perform(shell, *arguments)
    assert (tally.reports_sent, code) == (1, 0), said


def test_without_kills_it_is_a_plain_turn(shell: Shell) -> None:
    said, tally, code = perform(shell, "--kills", "0")
    assert (code, tally.is_right(0), "kill -9 " in said.partition("question")[2]) == (0, True, False)
    [report] = Outbox(path_of(said, "outbox")).read()
    assert "writing.md:" in report.text
    assert "stale worker can not write, because" in " ".join(report.text.split())


def test_a_demo_that_is_killed_itself_leaves_no_process_behind(shell: Shell) -> None:
    child = shell.begin("demo", "--json", "--kills", "0", TMPDIR=str(shell.folder))
    wait_for(lambda: any(shell.folder.glob("*/ledger.jsonl")))
    ledger = ledger_at(next(shell.folder.glob("*/ledger.jsonl")))
    wait_for(lambda: bool(ledger.read()))
    child.kill()
    child.wait()
    worker = ledger.read()[0].pid

    def has_gone() -> bool:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z"  # nobody here reaps orphans

    wait_for(has_gone)


def test_it_answers_about_any_folder(shell: Shell) -> None:
    (shell.folder / "notes").mkdir()
    (shell.folder / "notes" / "harbour.txt").write_text("The ferry to the island leaves at nine in the morning.\n")
    arguments = ("--folder", str(shell.folder / "notes"), "--question", "When does the ferry leave?", "--kills", "1")
    said, tally, code = perform(shell, *arguments)
    assert (code, tally.is_right(1)) == (0, True), said
    assert "harbour.txt:1" in said

"""A run's timeline: what was open when the run ended has ended with it, and takes no more time."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from perdure.cli.runs.timeline import timeline
from perdure.core.records import RunRecord, RunStatus, StepRecord

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
OPEN = {
    "a sleep": StepRecord(
        position="0", name="sleep", kind="sleep", status="running", started=BEGAN.timestamp(), due=9e9
    ),
    "an event": StepRecord(position="0", name="word", kind="event", status="running", started=BEGAN.timestamp()),
    "a child": StepRecord(position="0", name="kid", kind="child_result", status="running", started=BEGAN.timestamp()),
    "a pause": StepRecord(position="0", name="pay", status="running", started=BEGAN.timestamp(), retry=9e9),
}
WORKING = StepRecord(position="0", name="pay", status="running", started=BEGAN.timestamp())


def run(status: RunStatus, completed_at: datetime | None = None) -> RunRecord:
    return RunRecord(
        run_id="run",
        workflow="flow",
        status=status,
        queue="default",
        project_id="default",
        manifest_hash="",
        seed="",
        created_at=BEGAN,
        updated_at=BEGAN,
        completed_at=completed_at,
    )


def shown(record: RunRecord, step: StepRecord, after: timedelta) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(timeline(record, [step], BEGAN + after, console))
    return console.export_text()


@pytest.mark.parametrize("step", OPEN.values(), ids=OPEN)
@pytest.mark.parametrize("status", ["cancelled", "failed", "completed"])
def test_what_was_open_has_ended_with_its_run(status: RunStatus, step: StepRecord) -> None:
    ended = run(status, completed_at=BEGAN + timedelta(seconds=7))
    soon, late = (shown(ended, step, timedelta(hours=hours)) for hours in (1, 50))
    assert soon == late, "its time does not grow"
    assert " ended " in soon
    assert " 7.0 s " in soon
    assert "due at" not in soon
    assert "tries again" not in soon


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_a_step_whose_end_nobody_saw_is_in_doubt_when_its_run_has_ended(status: RunStatus) -> None:
    ended = run(status, completed_at=BEGAN + timedelta(seconds=7))
    assert " in doubt " in shown(ended, WORKING, timedelta(hours=1))
    assert shown(ended, WORKING, timedelta(hours=1)) == shown(ended, WORKING, timedelta(hours=50))


@pytest.mark.parametrize("step", [*OPEN.values(), WORKING], ids=[*OPEN, "a step"])
def test_what_is_open_while_its_run_lasts_reaches_until_now(step: StepRecord) -> None:
    said = shown(run("suspended"), step, timedelta(hours=2))
    assert " running " in said
    assert " 2 h " in said


def step(position: str, began: float, ended: float | None = None, **fields: Any) -> StepRecord:
    at = BEGAN.timestamp()
    status = "running" if ended is None else "completed"
    return StepRecord(
        position=position,
        name=f"step {position}",
        status=status,
        started=at + began,
        completed=None if ended is None else at + ended,
        **fields,
    )


def rows(*steps: StepRecord) -> dict[str, tuple[str, str]]:
    """By position: after what time a step began, and how long it took."""
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(timeline(run("completed", BEGAN + timedelta(seconds=60)), steps, BEGAN, console))
    found = dict[str, tuple[str, str]]()
    for line in console.export_text().splitlines()[1:]:
        position, *_ = line.split()
        times = re.findall(r"[\d.]+ (?:ms|s|min)", line)
        found[position] = (times[0], times[1])
    return found


def test_a_wait_that_outlasted_an_attempt_shows_from_where_its_branch_came_to_it() -> None:
    """What its record has is when the last attempt came to it: the run was not executed meanwhile."""
    shown = rows(
        step("0", 0, 2),
        step("1", 20, 20, kind="event"),
        step("2.0.0", 20, 21),
        step("2.0.1", 30, 30, kind="child_result"),
        step("2.1.0", 40, 40, kind="event"),
        step("2.1.1.0.0", 50, 50, kind="event"),
        step("3", 50, 50, kind="event"),
        step("cancel.0", 55, 56, kind="event"),
    )
    assert shown == {
        "0": ("0.0 ms", "2.0 s"),
        "1": ("2.0 s", "18.0 s"),
        "2.0.0": ("20.0 s", "1.0 s"),
        "2.0.1": ("21.0 s", "9.0 s"),
        "2.1.0": ("20.0 s", "20.0 s"),
        "2.1.1.0.0": ("40.0 s", "10.0 s"),
        "3": ("50.0 s", "0.0 ms"),
        "cancel.0": ("55.0 s", "1.0 s"),
    }


def test_a_wait_with_a_deadline_shows_from_where_that_was_fixed() -> None:
    at = BEGAN.timestamp()
    shown = rows(step("0", 0, 2), step("1", 5, 20, kind="event", due=at + 60), step("2", 20, 30, kind="sleep", due=at))
    assert (shown["1"], shown["2"]) == (("5.0 s", "15.0 s"), ("20.0 s", "10.0 s"))

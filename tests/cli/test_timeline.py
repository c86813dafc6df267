"""A run's timeline: what was open when the run ended has ended with it, and takes no more time."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

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

"""A run as a timeline: a row a step, with a bar where and as long as it ran."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perdure.cli.colours import STEP_STYLE
from perdure.cli.durations import at, took
from perdure.cli.tables import columns
from perdure.core.records import RunRecord, StepRecord

WIDTH = 32


def timeline(run: RunRecord, steps: Sequence[StepRecord], now: datetime, console: Console) -> Table:
    """The steps of a run, in the order of their positions; what has not ended reaches until now."""
    began = run.created_at
    ends = [step.completed_at or now for step in steps]
    span = max((max(ends) - began).total_seconds(), 1e-6)
    bar, rest = ("━", "·") if console.encoding.startswith("utf") else ("#", ".")
    table = columns("pos", "step", "kind", "status", "tries", "after", "took", "")
    for step, end in zip(steps, ends, strict=True):
        after, lasted = (step.started_at - began).total_seconds(), (end - step.started_at).total_seconds()
        style = STEP_STYLE[step.status]
        table.add_row(
            step.position,
            step.name,
            Text(step.kind, style="dim"),
            Text(step.status.replace("_", " "), style=style),
            str(step.attempts),
            took(max(0.0, after)),
            took(max(0.0, lasted)),
            _bar(after / span, lasted / span, bar, rest, style),
        )
        for line in _notes(step):
            table.add_row("", Text(line, style="red" if step.failure else "dim"))
    return table


def _bar(after: float, lasted: float, bar: str, rest: str, style: str) -> Text:
    length = min(WIDTH, max(1, round(lasted * WIDTH)))
    start = min(max(0, round(after * WIDTH)), WIDTH - length)
    return Text.assemble((rest * start, "dim"), (bar * length, style), (rest * (WIDTH - start - length), "dim"))


def _notes(step: StepRecord) -> list[str]:
    notes = list[str]()
    if step.failure is not None:
        notes.append(f"└ {step.failure.cause_type}: {step.failure.message}")
    if step.retry_at is not None and step.status == "running":
        notes.append(f"└ tries again at {at(step.retry_at)}")
    elif step.due_at is not None and step.status == "running":
        notes.append(f"└ due at {at(step.due_at)}")
    return notes

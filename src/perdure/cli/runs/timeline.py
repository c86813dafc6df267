"""A run as a timeline: a row a step, with a bar where and as long as it ran."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perdure.cli.colours import STEP_STYLE
from perdure.cli.durations import at, took
from perdure.cli.tables import columns
from perdure.core.positions import CANCEL_BRANCH
from perdure.core.records import RunRecord, StepRecord, StepStatus
from perdure.core.states import ENDED

WIDTH = 32
NARROWEST = 8
GAP = 2
WAITS = {"event", "sleep", "child_result"}
WITHOUT_DEADLINE = {"event", "child_result"}
ENDED_WITH_ITS_RUN: Literal["ended"] = "ended"


def timeline(run: RunRecord, steps: Sequence[StepRecord], now: datetime, console: Console) -> Table:
    """The steps of a run, in the order of their positions; what is open reaches until now, or its run's end."""
    began = run.created_at
    starts = [_start(run, step, steps) for step in steps]
    ends = [step.completed_at or run.completed_at or now for step in steps]
    span = max((max(ends) - began).total_seconds(), 1e-6)
    bar, rest = ("━", "·") if console.encoding.startswith("utf") else ("#", ".")
    names = ("pos", "step", "kind", "status", "tries", "after", "took", "")
    rows, bars = list[tuple[Text | str, ...]](), list[tuple[float, float, str]]()
    for step, start, end in zip(steps, starts, ends, strict=True):
        after, lasted = (start - began).total_seconds(), (end - start).total_seconds()
        status = _status(run, step)
        style = "dim" if status == ENDED_WITH_ITS_RUN else STEP_STYLE[status]
        kind, state = Text(step.kind, style="dim"), Text(status.replace("_", " "), style=style)
        times = took(max(0.0, after)), took(max(0.0, lasted))
        rows.append((step.position, step.name, kind, state, str(step.attempts), *times))
        bars.append((after / span, lasted / span, style))
    table, width = columns(*names), _bar_width(names, rows, console)
    for step, row, (after, lasted, style) in zip(steps, rows, bars, strict=True):
        table.add_row(*row, _bar(after, lasted, width, (bar, rest), style))
        for line in _notes(step, is_open=_status(run, step) == "running"):
            table.add_row("", Text(line, style="red" if step.failure else "dim"))
    return table


def _start(run: RunRecord, step: StepRecord, steps: Sequence[StepRecord]) -> datetime:
    """When a step began; a wait without a deadline began when its branch had done what comes before it.

    Nothing is written when such a wait begins: what its record says is when the last attempt of the run came to it.
    """
    is_known = step.kind not in WITHOUT_DEADLINE or step.due is not None
    if is_known or step.position.startswith(CANCEL_BRANCH):
        return step.started_at
    branch, _, number = step.position.rpartition(".")
    while number:
        ends = [end for one in steps if _is_before(one.position, branch, int(number)) and (end := one.completed_at)]
        ended = [end for end in ends if end <= step.started_at]
        if ended:
            return max(ended)
        gather, _, _ = branch.rpartition(".")  # the first call of its branch, which began with the gather
        branch, _, number = gather.rpartition(".")
    return min(run.created_at, step.started_at)


def _is_before(position: str, branch: str, number: int) -> bool:
    """Whether a position is one of a branch, or inside of one, that the branch took before a number."""
    lead = f"{branch}." if branch else ""
    place = position[len(lead) :].partition(".")[0]
    return position.startswith(lead) and place.isdigit() and int(place) < number


def _status(run: RunRecord, step: StepRecord) -> StepStatus | Literal["ended"]:
    """A step's status; what was open when its run ended is over: a wait has ended, an effect is in doubt."""
    if step.status != "running" or run.status not in ENDED:
        return step.status
    return ENDED_WITH_ITS_RUN if step.kind in WAITS or step.retry is not None else "in_doubt"


def _bar_width(names: Sequence[str], rows: Sequence[Sequence[Text | str]], console: Console) -> int:
    """The width of the bars: what the other columns leave of the console, within bounds."""
    cells = [names, *rows]
    used = sum(max(len(row[place]) for row in cells) + GAP for place in range(len(names) - 1))
    return max(NARROWEST, min(WIDTH, console.width - used))


def _bar(after: float, lasted: float, width: int, drawn: tuple[str, str], style: str) -> Text:
    bar, rest = drawn
    length = min(width, max(1, round(lasted * width)))
    start = min(max(0, round(after * width)), width - length)
    return Text.assemble((rest * start, "dim"), (bar * length, style), (rest * (width - start - length), "dim"))


def _notes(step: StepRecord, *, is_open: bool) -> list[str]:
    notes = list[str]()
    if step.failure is not None:
        notes.append(f"└ {step.failure.cause_type}: {step.failure.message}")
    if step.retry_at is not None and is_open:
        notes.append(f"└ tries again at {at(step.retry_at)}")
    elif step.due_at is not None and is_open:
        notes.append(f"└ due at {at(step.due_at)}")
    return notes

"""The colour of each status, once."""

from __future__ import annotations

from perdure.core.messages import ToolState
from perdure.core.records import RunStatus, StepStatus
from perdure.core.states import ThreadStatus

RUN_STYLE: dict[RunStatus, str] = {
    "queued": "cyan",
    "running": "yellow",
    "suspended": "blue",
    "paused": "blue",
    "cancelling": "magenta",
    "completed": "green",
    "failed": "red",
    "cancelled": "magenta",
}
STEP_STYLE: dict[StepStatus, str] = {"running": "yellow", "completed": "green", "failed": "red", "in_doubt": "magenta"}
THREAD_STYLE: dict[ThreadStatus, str] = {
    "idle": "dim",
    "queued": "cyan",
    "running": "yellow",
    "waiting": "blue",
    "stopping": "magenta",
    "completed": "green",
    "failed": "red",
    "stopped": "magenta",
}
TOOL_SIGN: dict[ToolState, tuple[str, str]] = {
    "pending": ("…", "yellow"),
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "in_doubt": ("?", "magenta"),
    "denied": ("⊘", "magenta"),
}

"""How much of the costs is measured, and which figures have a limit."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The full form."""

    rounds: int = 3
    children: int = 500
    steps: int = 5_000
    replayed: int = 10_000
    deltas: int = 300
    readers: tuple[int, ...] = (100, 1_000)
    process_steps: int = 4_000
    thread_turns: int = 500
    steps_while_read: int = 5_000  # enough for a log of more than LOG_BYTES
    steps_after_reader: int = 1_000  # enough for checkpoints, after which the log begins anew
    eager_deltas: int = 10_000


SHORT = Sizes(
    rounds=3,
    children=50,
    steps=300,
    replayed=1_000,
    deltas=50,
    readers=(20,),
    process_steps=1_000,
    thread_turns=50,
    steps_while_read=2_500,
    eager_deltas=1_000,
)

LIMITS: dict[str, tuple[str, float]] = {
    "run_row_ratio": ("<=", 1.5),
    "run_emit_ratio": ("<=", 1.5),
    "unawaited_event_wakeups": ("<=", 0),
    "wakeup_reads_ratio": ("<=", 1.5),
    "replay_s": ("<=", 0.1),
    "children_2000_of_500": ("<=", 4.8),
    "two_processes_of_one": (">=", 0.8),
    "delta_pages": ("<=", 1.1),
    "delta_statements": ("<=", 1),
    "step_statements": ("<=", 1.1),
    "lone_turn_commits": ("<=", 7),
    "lone_turn_pages": ("<=", 40),
    "readers_100": ("<=", 1.1),
    "readers_1000": ("<=", 1.5),
    "longest_block_ms": ("<=", 50),
    "stored_ratio": ("<=", 1.5),
    "message_us": ("<=", 8),
    "history_statements": ("<=", 4),
    "wal_bytes": ("<=", 8 * 1024 * 1024),
    "long_readers_named": (">=", 1),
    "plan_scans": ("<=", 0),
    "plan_sorts": ("<=", 0),
    "eager_deltas_of_commit": ("<=", 256),
    "eager_block_ms": ("<=", 50),
    "suspended_mb": ("<=", 20),
    "wake_here_p50_ms": ("<=", 2),
    "wake_here_p99_ms": ("<", 5),
    "wake_across_p99_ms": ("<", 50),
    "timers_begun_s": ("<=", 5),
    "timers_twice": ("<=", 0),
    "import_of_base": ("<=", 1.7),
}
_RULES = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


def is_met(name: str, figure: float | str) -> bool:
    """Whether a figure is within its limit; true for one that has none."""
    if name not in LIMITS or isinstance(figure, str):
        return True
    rule, limit = LIMITS[name]
    return _RULES[rule](figure, limit)


def missed(figures: Mapping[str, float | int | str]) -> list[str]:
    return [name for name, figure in figures.items() if not is_met(name, figure)]


def table(figures: Mapping[str, float | int | str]) -> str:
    """A line for each figure: its value, its limit, and whether it is met."""
    lines = list[str]()
    for name, figure in figures.items():
        limit = " ".join(map(str, LIMITS[name])) if name in LIMITS else ""
        verdict = ("met" if is_met(name, figure) else "MISSED") if limit else ""
        lines.append(f"{name:28} {figure:>12} {limit:>10} {verdict}".rstrip())
    return "\n".join(lines)

"""What every system does: a warm-up, A, B, and one line of JSON, in a process of its own and with a new store."""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.work import A_STEPS, B_RUNS, B_STEPS

SYNC = re.compile(rb"\b(?:fsync|fdatasync|syncfs)\(")
SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


@dataclass(frozen=True)
class System:
    """A system that has started. A step gives back its number, and a workflow the sum of its steps."""

    version: str
    durability: str
    one: Callable[[int], int]
    """Run one workflow of so many steps, each durable before the next."""
    many: Callable[[int, int], Sequence[int]]
    """Run so many workflows at once, of so many steps each."""


def answer(start: Callable[[Path], AbstractContextManager[System]]) -> None:
    """Measure a system whose store is made in the folder of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trace", type=Path, help="the file that strace writes to: count what is synced")
    given = parser.parse_args()
    with start(given.folder) as system:
        _one(system, 100)
        _many(system, 50)
        figures: dict[str, float | str] = {"version": system.version, "durability": system.durability}
        before = _syncs(given.trace)
        figures["a_steps_per_s"] = A_STEPS / _one(system, A_STEPS)
        between = _syncs(given.trace)
        figures["b_runs_per_s"] = B_RUNS / _many(system, B_RUNS)
        if given.trace is not None:
            figures["a_syncs_per_step"] = (between - before) / A_STEPS
            figures["b_syncs_per_run"] = (_syncs(given.trace) - between) / B_RUNS
    print(json.dumps(figures), flush=True)


def sqlite_durability(ask: Callable[[str], object], library: str = sqlite3.sqlite_version) -> str:
    """What a system's own connection says of itself; `ask` gives the value of a pragma."""
    synchronous = ask("synchronous")
    assert isinstance(synchronous, int)
    return f"SQLite {library}, {ask('journal_mode')} journal, synchronous {SYNCHRONOUS[synchronous]}"


def _one(system: System, steps: int) -> float:
    begun = time.perf_counter()
    total = system.one(steps)
    taken = time.perf_counter() - begun
    assert total == sum(range(steps)), total
    return taken


def _many(system: System, runs: int) -> float:
    begun = time.perf_counter()
    totals = system.many(runs, B_STEPS)
    taken = time.perf_counter() - begun
    assert list(totals) == [sum(range(B_STEPS))] * runs, totals
    return taken


def _syncs(trace: Path | None) -> int:
    """How often anything was synced so far, by this process, its threads and its children."""
    return 0 if trace is None else len(SYNC.findall(trace.read_bytes()))

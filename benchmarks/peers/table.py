"""Results, and how they are shown: each beside perdure and beside the floor."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from benchmarks.work import A_STEPS, B_RUNS, B_STEPS

HEAD = ("", "A steps/s", "/perdure", "/floor", "fsyncs/step", "B runs/s", "/perdure", "/floor", "fsyncs/run")


@dataclass(frozen=True)
class Result:
    """Medians of one system. The counts are None where strace is missing."""

    version: str
    durability: str
    a_steps_per_s: float
    b_runs_per_s: float
    a_syncs_per_step: float | None
    b_syncs_per_run: float | None


def table(results: Mapping[str, Result], left_out: Mapping[str, str], rounds: int) -> str:
    """Shape: what was done, a line of figures per system, a line on its durability, and who is left out and why."""
    rows = [HEAD, *(_cells(name, results) for name in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"A: one workflow of {A_STEPS:,} steps. B: {B_RUNS:,} of {B_STEPS} at once. Medians of {rounds} rounds.",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "",
    ]
    for row in rows:
        figures = "  ".join(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append(f"{row[0].ljust(widths[0])}  {figures}")
    lines.append("")
    lines += [f"{_title(name, result)}: {result.durability}; {_synced(result)}" for name, result in results.items()]
    lines += [f"{name} is left out: {reason}" for name, reason in left_out.items()]
    return "\n".join(lines)


def as_json(results: Mapping[str, Result], left_out: Mapping[str, str], rounds: int) -> dict[str, object]:
    """The same, to be read by a program."""
    figures = {name: {**asdict(result), **_ratios(result, results)} for name, result in results.items()}
    return {"rounds": rounds, "systems": figures, "left_out": dict(left_out)}


def _cells(name: str, results: Mapping[str, Result]) -> tuple[str, ...]:
    result = results[name]
    ratios = {key: f"{ratio:.3f}" for key, ratio in _ratios(result, results).items()}
    return (
        _title(name, result),
        f"{result.a_steps_per_s:,.0f}",
        ratios["a_of_perdure"],
        ratios["a_of_floor"],
        _count(result.a_syncs_per_step),
        f"{result.b_runs_per_s:,.0f}",
        ratios["b_of_perdure"],
        ratios["b_of_floor"],
        _count(result.b_syncs_per_run),
    )


def _ratios(result: Result, results: Mapping[str, Result]) -> dict[str, float]:
    return {
        f"{work}_of_{other}": round(getattr(result, figure) / getattr(results[other], figure), 4)
        for other in ("perdure", "floor")
        for work, figure in (("a", "a_steps_per_s"), ("b", "b_runs_per_s"))
    }


def _title(name: str, result: Result) -> str:
    return f"{name} {result.version}".strip()


def _count(syncs: float | None) -> str:
    return "?" if syncs is None else f"{syncs:.2f}"


def _synced(result: Result) -> str:
    if result.a_syncs_per_step is None:
        return "fsyncs were not counted, strace is missing"
    return "each step of A is fsynced" if result.a_syncs_per_step >= 1 else "NOT each step of A is fsynced"

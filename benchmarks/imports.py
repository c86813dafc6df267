"""What `from perdure import …` takes: fresh processes, with bytecode as an install has it, beside what it stands on."""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
from pathlib import Path

import perdure

PROCESSES = 20
PERDURE = "from perdure import App, Agent, tool, run_durable"
BASE = "import asyncio, json, sqlite3, dataclasses, msgspec, apsw"


def measure() -> dict[str, float | int | str]:
    """Shape: milliseconds above a bare interpreter, perdure's and those of its base, and the one over the other.

    Both are processor time, in medians of interleaved processes: so they say nothing of what else the machine does.
    """
    compileall.compile_dir(Path(perdure.__file__).parent, quiet=1)
    taken: dict[str, list[float]] = {"pass": [], BASE: [], PERDURE: []}
    for _ in range(PROCESSES):
        for statement, times in taken.items():
            times.append(_run(statement))
    bare, base, own = (statistics.median(times) for times in taken.values())
    return {
        "import_ms": round((own - bare) * 1e3, 1),
        "import_base_ms": round((base - bare) * 1e3, 1),
        "import_of_base": round((own - bare) / (base - bare), 2),
    }


def _run(statement: str) -> float:
    process = subprocess.Popen([sys.executable, "-c", statement])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, statement)
    return usage.ru_utime + usage.ru_stime

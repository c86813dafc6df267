"""What `from perdure import …` takes: fresh processes, less a bare interpreter, with bytecode as an install has it."""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import time
from pathlib import Path

import perdure

PROCESSES = 10
STATEMENT = "from perdure import App, Agent, tool, run_durable"


def measure() -> dict[str, float | int | str]:
    """Shape: the median, in milliseconds."""
    compileall.compile_dir(Path(perdure.__file__).parent, quiet=1)
    taken = [_run(STATEMENT) - _run("pass") for _ in range(PROCESSES)]
    return {"import_ms": round(statistics.median(taken) * 1e3, 1)}


def _run(statement: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - begun

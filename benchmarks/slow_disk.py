"""`steps` on a disk that takes a millisecond longer for each fsync: a step that costs less was not durable."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SHIM = Path(__file__).with_name("slowsync.c")
LONGER_US = 1_000


async def measure(url: str) -> dict[str, float | int | str]:
    """Shape: the figures of `steps`, each with `slow_` before its name. Raises: SystemExit without a C compiler."""
    cc = shutil.which("cc")
    if cc is None:
        raise SystemExit("slow_disk needs a C compiler named cc")
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/slowsync.so"
        subprocess.run([cc, "-shared", "-fPIC", "-O2", "-o", library, SHIM, "-ldl"], check=True)  # noqa: ASYNC221 - nothing else runs
        said = subprocess.run(  # noqa: ASYNC221 - nothing else runs
            [sys.executable, "-m", "benchmarks", "steps", "--store", url, "--json"],
            env=os.environ | {"LD_PRELOAD": library, "SLOWSYNC_US": str(LONGER_US)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    return {f"slow_{name}": figure for name, figure in json.loads(said.splitlines()[-1]).items()}

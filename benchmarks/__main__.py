"""python -m benchmarks [steps|import] [--store URL] [--json]: without a name, every benchmark at its defaults."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
import tempfile
from pathlib import Path

from benchmarks import imports, steps


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=["steps", "import", "all"], default="all")
    parser.add_argument("--store", help="sqlite:///PATH; by default a new file in the current folder's file system")
    parser.add_argument("--json", action="store_true", help="print one last line of JSON")
    given = parser.parse_args()
    print("$ python -m benchmarks " + shlex.join(sys.argv[1:]))
    figures: dict[str, float | int | str] = {}
    if given.name in {"steps", "all"}:
        figures |= _steps(given.store)
    if given.name in {"import", "all"}:
        figures |= imports.measure()
    if not given.json:
        for name, figure in figures.items():
            print(f"{name:24} {figure:>12}")
    else:
        print(json.dumps(figures))


def _steps(url: str | None) -> dict[str, float | int | str]:
    if url is not None:
        return asyncio.run(steps.measure(url))
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        return asyncio.run(steps.measure(f"sqlite:///{folder}/bench.db"))


if __name__ == "__main__":
    main()

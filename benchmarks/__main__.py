"""python -m benchmarks [NAME] [--store URL] [--json]: without a name, the short ones (steps, import)."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks import following, imports, sharing, steps, stopping, waiting

Figures = dict[str, float | int | str]
OF_A_STORE: dict[str, Callable[[str], Awaitable[Figures]]] = {
    "steps": steps.measure,
    "waiting": waiting.measure,
    "following": following.measure,
    "stopping": stopping.measure,
    "sharing": sharing.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*OF_A_STORE, "import", "short", "all"], default="short")
    parser.add_argument("--store", help="sqlite:///PATH; by default a new file on the current folder's file system")
    parser.add_argument("--json", action="store_true", help="print one last line of JSON")
    given = parser.parse_args()
    print("$ python -m benchmarks " + shlex.join(sys.argv[1:]))
    names = {"short": ["steps", "import"], "all": [*OF_A_STORE, "import"]}.get(given.name, [given.name])
    figures: Figures = {}
    for name in names:
        figures |= imports.measure() if name == "import" else _of_a_store(name, given.store)
    if given.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:28} {figure:>12}")


def _of_a_store(name: str, url: str | None) -> Figures:
    async def measure(url: str) -> Figures:
        return await OF_A_STORE[name](url)

    if url is not None:
        return asyncio.run(measure(url))
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        return asyncio.run(measure(f"sqlite:///{folder}/bench.db"))


if __name__ == "__main__":
    main()

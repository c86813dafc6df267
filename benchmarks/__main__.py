"""python -m benchmarks [NAME] [--store URL] [--json]: without a name, steps and import, suspended and costs in short.

One that is named exits with 1 where a figure is beyond its limit.
`peers` compares with other systems, installs them first, and takes minutes; it is in neither `short` nor `all`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks import costs, following, imports, sharing, slow_disk, steps, stopping, suspended, waiting
from benchmarks.costs.limits import missed, table
from benchmarks.peers.compare import compare

Figures = dict[str, float | int | str]
OF_A_STORE: dict[str, Callable[[str], Awaitable[Figures]]] = {
    "steps": steps.measure,
    "waiting": waiting.measure,
    "suspended": suspended.measure,
    "following": following.measure,
    "stopping": stopping.measure,
    "sharing": sharing.measure,
    "slow_disk": slow_disk.measure,
    "costs": costs.measure,
}
SHORT = {"short suspended": suspended.short, "short costs": costs.short}


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for. Raises: SystemExit, with a usage, for what makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*OF_A_STORE, "import", "peers", "short", "all"], default="short")
    parser.add_argument("--store", help="sqlite:///PATH; by default a new file on the current folder's file system")
    parser.add_argument("--store-folder", type=Path, help="peers: where the stores are made; the current folder")
    parser.add_argument("--json", action="store_true", help="print one last line of JSON")
    given = parser.parse_args(words)
    if given.name == "peers" and given.store is not None:
        parser.error("peers makes many stores: give it --store-folder, not --store")
    if given.name != "peers" and given.store_folder is not None:
        parser.error(f"--store-folder is for peers, not for {given.name}")
    if given.store_folder is not None and not given.store_folder.is_dir():
        parser.error(f"there is no folder {given.store_folder}")
    return given


def main() -> None:
    given = arguments(sys.argv[1:])
    print("$ python -m benchmarks " + shlex.join(sys.argv[1:]), flush=True)
    if given.name == "peers":
        compare(given.store_folder or Path.cwd(), to_json=given.json)
        return
    several = {"short": ["steps", "import", *SHORT], "all": [*OF_A_STORE, "import"]}
    names = several.get(given.name, [given.name])
    figures: Figures = {}
    for name in names:
        figures |= imports.measure() if name == "import" else _of_a_store(name, given.store)
    if given.json:
        print(json.dumps(figures))
    else:
        print(table(figures))
    if given.name not in several and missed(figures):
        sys.exit(1)


def _of_a_store(name: str, url: str | None) -> Figures:
    async def measure(url: str) -> Figures:
        return await (SHORT.get(name) or OF_A_STORE[name])(url)

    if url is not None:
        return asyncio.run(measure(url))
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        return asyncio.run(measure(f"sqlite:///{folder}/bench.db"))


if __name__ == "__main__":
    main()

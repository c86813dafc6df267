"""The floor: a row per step and a transaction per row, in A and in B. Who commits steps together can be above it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw

from benchmarks.floor import Floor
from benchmarks.peers.system import System, answer, sqlite_durability


@contextmanager
def start(folder: Path) -> Generator[System]:
    floor = Floor(folder / "floor.db")

    def one(steps: int) -> int:
        floor.rows_per_s(steps)
        return sum(range(steps))

    def many(runs: int, steps: int) -> list[int]:
        return [one(steps) for _ in range(runs)]

    durability = sqlite_durability(floor.pragma, apsw.sqlite_lib_version())
    yield System(version="", durability=durability, one=one, many=many)
    floor.close()


if __name__ == "__main__":
    answer(start)

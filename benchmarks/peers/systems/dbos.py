"""DBOS on SQLite, its default: synchronous functions, in A quicker than its asynchronous ones and in B alike."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from dbos import DBOS

from benchmarks.peers.system import System, answer, sqlite_durability


@contextmanager
def start(folder: Path) -> Generator[System]:
    dbos = DBOS(
        config={"name": "peers", "system_database_url": f"sqlite:///{folder}/dbos.sqlite", "log_level": "WARNING"}
    )

    @DBOS.step()
    def no_op(number: int) -> int:
        return number

    @DBOS.workflow()
    def count(steps: int) -> int:
        return sum(no_op(number) for number in range(steps))

    def many(runs: int, steps: int) -> list[int]:
        handles = [DBOS.start_workflow(count, steps) for _ in range(runs)]
        return [handle.get_result() for handle in handles]

    DBOS.launch()
    with dbos._sys_db.engine.connect() as connection:
        durability = sqlite_durability(lambda name: connection.exec_driver_sql(f"PRAGMA {name}").scalar())
    yield System(version=version("dbos"), durability=durability, one=count, many=many)
    DBOS.destroy()


if __name__ == "__main__":
    answer(start)

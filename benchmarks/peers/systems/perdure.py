"""perdure on SQLite, through the public API with the default settings."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers.system import System, answer, sqlite_durability
from perdure import App, Context
from perdure.stores.sqlite.connection import connect
from perdure.stores.sqlite.schema import VERSION


@contextmanager
def start(folder: Path) -> Generator[System]:
    path = f"{folder}/perdure.db"
    app = App(f"sqlite:///{path}")

    async def no_op(number: int) -> int:
        return number

    @app.workflow
    async def count(ctx: Context, steps: int) -> int:
        total = 0
        for number in range(steps):
            total += await ctx.step("step", no_op, number)
        return total

    async def one(steps: int) -> int:
        return await (await app.start(count, steps)).result()

    async def many(runs: int, steps: int) -> list[int]:
        return await asyncio.gather(*(one(steps) for _ in range(runs)))

    with asyncio.Runner() as runner:
        runner.run(app.__aenter__())
        like_ours = connect(path, VERSION)
        durability = sqlite_durability(like_ours.pragma, app.store.abilities.made_of["SQLite"])
        like_ours.close()
        yield System(
            version=version("perdure"),
            durability=durability,
            one=lambda steps: runner.run(one(steps)),
            many=lambda runs, steps: runner.run(many(runs, steps)),
        )
        runner.run(app.__aexit__(None, None, None))


if __name__ == "__main__":
    answer(start)

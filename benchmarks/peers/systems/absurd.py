"""Absurd on a PostgreSQL of its own: one asynchronous worker.

Its defaults, one workflow at a time and a look at the queue every 250 ms, would measure the waiting: it gets 50 and
10 ms. One query counts what is done; 500 that ask would be in its way.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import psycopg
from absurd_sdk import AsyncAbsurd, AsyncTaskContext

from benchmarks.peers.postgres import postgres
from benchmarks.peers.system import System, answer

CONCURRENCY = 50
POLL_SECONDS = 0.01
ASK_SECONDS = 0.005


@contextmanager
def start(folder: Path) -> Generator[System]:
    with postgres(folder) as url, asyncio.Runner() as runner, psycopg.connect(url, autocommit=True) as connection:
        control = Path(sys.executable).with_name("absurdctl")
        environment = os.environ | {"ABSURD_DATABASE_URL": url}
        subprocess.run([control, "init"], env=environment, check=True, stdout=subprocess.DEVNULL)
        client, worker = AsyncAbsurd(url), AsyncAbsurd(url)

        @worker.register_task(name="count")
        async def count(steps: int, ctx: AsyncTaskContext) -> int:
            async def no_op(number: int) -> int:
                return number

            return sum([await ctx.step("step", lambda number=number: no_op(number)) for number in range(steps)])

        async def many(runs: int, steps: int) -> list[int]:
            spawned = [(await client.spawn("count", steps, queue="default"))["task_id"] for _ in range(runs)]
            done = "SELECT count(*) FROM absurd.t_default WHERE state = 'completed' AND task_id = ANY(%s::uuid[])"
            while connection.execute(done, (spawned,)).fetchone()[0] < runs:  # noqa: ASYNC110 - another process knows
                await asyncio.sleep(ASK_SECONDS)
            return [(await client.fetch_task_result(task_id)).result for task_id in spawned]

        runner.run(client.create_queue("default"))
        working = runner.get_loop().create_task(
            worker.start_worker(concurrency=CONCURRENCY, poll_interval=POLL_SECONDS)
        )
        yield System(
            version=version("absurd-sdk"),
            durability=_durability(connection),
            one=lambda steps: runner.run(many(1, steps))[0],
            many=lambda runs, steps: runner.run(many(runs, steps)),
        )
        worker.stop_worker()
        runner.run(asyncio.wait_for(working, 10))
        runner.run(worker.close())
        runner.run(client.close())


def _durability(connection: psycopg.Connection) -> str:
    names = ("server_version", "fsync", "synchronous_commit")
    server, fsync, synchronous = (connection.execute(f"SHOW {name}").fetchone()[0] for name in names)
    return f"PostgreSQL {server.partition(' ')[0]}, fsync {fsync}, synchronous_commit {synchronous}"


if __name__ == "__main__":
    answer(start)

"""How long the file of the log stays after another process has read an old state, and whether doctor names it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks.costs.growth import RESULT
from benchmarks.costs.limits import Sizes
from benchmarks.costs.log import log_size
from perdure import App, Context
from perdure.runs.doctor import examine

READER = """
import sys, apsw

connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM runs").get
print("reads", flush=True)
sys.stdin.readline()
"""


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: bytes of the log's file while it was read, and after; how many of doctor's findings name the reader."""
    path = folder / "read.db"
    app = App(f"sqlite:///{path}")

    async def kibibyte() -> str:
        return RESULT

    @app.workflow
    async def write(ctx: Context, steps: int) -> None:
        for _ in range(steps):
            await ctx.step("step", kibibyte)

    async with app:
        pipe = asyncio.subprocess.PIPE
        reader = await asyncio.create_subprocess_exec(sys.executable, "-c", READER, path, stdin=pipe, stdout=pipe)
        assert reader.stdout is not None
        await reader.stdout.readline()
        await (await app.start(write, sizes.steps_while_read)).result()
        read = log_size(path)
        found = (await examine(app.store, app.clock)).findings
        named = sum(f"process {reader.pid} " in finding.what for finding in found)
        await reader.communicate(b"end\n")
        await (await app.start(write, sizes.steps_after_reader)).result()
        return {"wal_bytes_while_read": read, "wal_bytes": log_size(path), "long_readers_named": named}

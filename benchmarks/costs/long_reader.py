"""How long the file of the log stays after somebody has read an old state while many steps were committed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw

from benchmarks.costs.growth import RESULT
from benchmarks.costs.limits import Sizes
from benchmarks.costs.log import log_size
from perdure import App, Context


async def measure(folder: Path, sizes: Sizes) -> dict[str, float | int | str]:
    """Shape: bytes of the log's file while it was read, and after."""
    path = folder / "read.db"
    app = App(f"sqlite:///{path}")

    async def kibibyte() -> str:
        return RESULT

    @app.workflow
    async def write(ctx: Context, steps: int) -> None:
        for _ in range(steps):
            await ctx.step("step", kibibyte)

    async with app:
        reader: Any = apsw.Connection(str(path))
        with closing(reader):
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM runs").get == 0
            await (await app.start(write, sizes.steps)).result()
            read = log_size(path)
        await (await app.start(write, sizes.steps_after_reader)).result()
        return {"wal_bytes_while_read": read, "wal_bytes": log_size(path)}

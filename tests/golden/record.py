"""Record what is not kept yet: `python -m tests.golden.record`. What is kept is left as it is."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from perdure.app.client import Client
from perdure.core.values import Value
from perdure.errors import RunFailed
from tests.golden.files import FILES
from tests.golden.keeping import keep, until
from tests.golden.programs import RUN, Programs
from tests.golden.record_unfinished import (
    record_asked,
    record_killed,
    record_parked,
    record_rows,
    record_times,
    record_turns_unfinished,
)


async def go_on(client: Client) -> Value:
    """From the middle of `everything` to its end."""
    (waiting,) = [run for run in await client.store.runs.list(tenant=None) if run.workflow == "waits"]
    await client.run(waiting.run_id).cancel("not needed")
    await client.run(RUN).emit_event("go", {"on": True})
    return await client.run(RUN).result()


async def record_everything(folder: Path) -> None:
    programs = Programs("memory:")
    async with programs.app as app:
        await app.start("everything", run_id=RUN)

        async def waits() -> bool:
            runs = await app.store.runs.list(tenant=None)
            return len(runs) == 4 and sum(run.status == "suspended" for run in runs) == 2

        await until(waits)
        await keep(app.store, programs.executed, "everything-middle", folder)
        await go_on(app)
        await keep(app.store, programs.executed, "everything-end", folder)


async def record_turns(folder: Path) -> None:
    programs = Programs("memory:")
    async with programs.app as app:
        thread = await app.threads.create("assistant", thread_id="thread")
        await (await thread.send("Weather?")).result()
        with suppress(RunFailed):
            await (await thread.send("And then?")).result()
        await keep(app.store, programs.executed, "turns-end", folder)


RECORDERS = {
    "everything-end": record_everything,
    "turns-end": record_turns,
    "doubt-asked": record_asked,
    "turns-unfinished": record_turns_unfinished,
    "times-waiting": record_times,
    "changed-parked": record_parked,
    "process-killed": record_killed,
    "rows-made": record_rows,
}
"""By the last file that each makes."""


async def main(folder: Path = FILES) -> None:
    for name, record in RECORDERS.items():
        if not (folder / f"{name}.jsonl").exists():
            await record(folder)


if __name__ == "__main__":
    asyncio.run(main())

"""Record what is not kept yet: `python -m tests.golden.record`. What is kept is left as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from perdure.app.client import Client
from perdure.core.values import Value
from perdure.errors import RunFailed
from tests.golden.files import FILES, FORMAT, Header, write
from tests.golden.programs import RUN, Programs


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Look until something holds."""
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - the store is asked, nothing tells of a state of several runs
            await asyncio.sleep(0.01)  # the workers of the app go on meanwhile


async def keep(programs: Programs, name: str, moment: str, folder: Path) -> None:
    rows = [row async for batch in programs.app.store.transfer.export() for row in batch]
    write(Header(FORMAT, name, moment, list(programs.executed)), rows, folder)


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
        await keep(programs, "everything", "middle", folder)
        await go_on(app)
        await keep(programs, "everything", "end", folder)


async def record_turns(folder: Path) -> None:
    programs = Programs("memory:")
    async with programs.app as app:
        thread = await app.threads.create("assistant", thread_id="thread")
        await (await thread.send("Weather?")).result()
        with suppress(RunFailed):
            await (await thread.send("And then?")).result()
        await keep(programs, "turns", "end", folder)


async def main(folder: Path = FILES) -> None:
    if not (folder / "everything-end.jsonl").exists():
        await record_everything(folder)
    if not (folder / "turns-end.jsonl").exists():
        await record_turns(folder)


if __name__ == "__main__":
    asyncio.run(main())

"""Real worker processes under supervision: one that dies is started again at once, as a service manager does."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.chaos.processes import ROOT, TIMEOUT
from tests.endurance.house import LEDGER

FULL = os.environ.get("PERDURE_ENDURANCE") == "full"
"""Whether the full sizes are asked for; CI has smaller ones."""


class Workers:
    """A number of `perdure worker` processes on one store."""

    def __init__(self, folder: Path, count: int) -> None:
        self.url = f"sqlite:///{folder}/runs.db"
        self.ledger = folder / "ledger"
        self.log = folder / "workers.log"
        self.count = count
        self.deaths = 0
        self.processes: list[Process] = []
        self.leaving: list[Process] = []
        self._watching: list[asyncio.Task[None]] = []

    def effects(self) -> list[str]:
        """What happened, in the order in which it did."""
        return self.ledger.read_text("utf-8").splitlines() if self.ledger.exists() else []

    async def start(self) -> None:
        """Start them all."""
        self.processes = [await self._begin() for _ in range(self.count)]
        self._watching = [asyncio.create_task(self._watch(place)) for place in range(self.count)]

    async def stop(self) -> None:
        """SIGTERM to all; wait until they have ended."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        for process in self.processes:
            if process.returncode is None:
                process.terminate()
        async with asyncio.timeout(TIMEOUT):
            await asyncio.gather(*[process.wait() for process in self.leaving + self.processes])

    async def deploy(self) -> None:
        """SIGTERM to all, and new ones at once; those told to end do so meanwhile."""
        for task in self._watching:
            task.cancel()
        for process in self.processes:
            if process.returncode is None:
                process.terminate()
        self.leaving += self.processes
        await self.start()

    async def kill(self) -> None:
        """SIGKILL to all that still run."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        for process in self.leaving + self.processes:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _watch(self, place: int) -> None:
        while True:
            await self.processes[place].wait()
            self.deaths += 1
            self.processes[place] = await self._begin()

    async def _begin(self) -> Process:
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("perdure")),
                "worker",
                "tests.endurance.house:app",
                "--store",
                self.url,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, LEDGER: str(self.ledger), "PYTHONPATH": str(ROOT)},
            )


@asynccontextmanager
async def workers(folder: Path, count: int) -> AsyncGenerator[Workers]:
    """Workers that were not started yet; none is left at the end."""
    made = Workers(folder, count)
    try:
        yield made
    finally:
        await made.kill()

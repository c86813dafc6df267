"""The processes of a demo: started, killed, started again."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from pathlib import Path


class WorkerEnded(Exception):
    """The worker ended, and nobody had killed it."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"the worker ended by itself; {log} may say why")


class Child:
    """One module of the demo, in a process of its own."""

    def __init__(self, module: str, environment: dict[str, str], log: Path) -> None:
        self._module = f"perdure.demo.{module}"
        self._environment = environment
        self._log = log
        self._process: Process | None = None
        self.lives = 0

    @property
    def pid(self) -> int:
        """The process that lives now, or lived last."""
        return self._process.pid if self._process is not None else 0

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself, or was never started."""
        return self._process is None or self._process.returncode is not None

    async def start(self, *arguments: str) -> None:
        """Start it, once more."""
        self.lives += 1
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                *arguments,
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM; returns when it has ended."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        return await self._process.wait() if self._process is not None else 0

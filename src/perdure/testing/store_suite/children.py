"""Child processes that use the store under test: started together, let go at once, killed without a warning."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from perdure.testing.store_suite.harness import StoreHarness

SCRIPT = Path(__file__).with_name("child.py")
TIMEOUT = 60.0
"""Units: real seconds, for a line from a child on a busy machine."""


class Child:
    """One child process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self, *, within: float = TIMEOUT) -> str:
        """The next line that the child says; empty where it says nothing more."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within):
            return (await self.process.stdout.readline()).decode().strip()

    async def rest(self) -> list[str]:
        """All that the child said before it ended."""
        assert self.process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            said = (await self.process.stdout.read()).decode()
        return [line for line in said.split("\n")[:-1] if line]  # what is torn was not said

    def go(self) -> None:
        """Let the child act."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    async def kill(self) -> None:
        """SIGKILL, and wait until it is dead."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def children(
    harness: StoreHarness, action: str, *args: tuple[str, str] | tuple[str, str, str]
) -> AsyncGenerator[list[Child]]:
    """A child for each (run, worker[, lease time]), with the store open, waiting for `go`; killed at the end."""
    started = await asyncio.gather(*(_start(harness, action, each) for each in args))
    try:
        for child in started:
            assert await child.line() == "ready"
        yield started
    finally:
        for child in started:
            await child.kill()
            await child.rest()


async def _start(harness: StoreHarness, action: str, args: tuple[str, ...]) -> Child:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-P", str(SCRIPT), harness.opener, harness.url, action, *args)
    return Child(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))

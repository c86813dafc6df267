"""Children that are watched, stopped, and killed: what the chaos tests do to real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import apsw

from perdure.stores.sqlite.driver import open_connection

TIMEOUT = 60.0
"""Units: real seconds, for what should come soon: a machine may be busy."""

ROOT = Path(__file__).resolve().parents[2]


class Child:
    """One child process that plays an action."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def line(self, *, within: float = TIMEOUT) -> str:
        """The next line that it says; empty where it says nothing more."""
        assert self.process.stdout is not None
        async with asyncio.timeout(within):
            line = (await self.process.stdout.readline()).decode().strip()
        self.said.append(line)
        return line

    def go(self) -> None:
        """Let it act."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    async def end(self) -> int:
        """Let it end politely; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(TIMEOUT):
            return await self.process.wait()

    async def stop(self, url: str) -> None:
        """SIGSTOP: it stands still, with all that it holds, but not in the middle of a commit.

        SQLite has one lock for all who write: whoever stands still with it holds every writer up until it goes on or
        dies, and nothing can be taken over.
        """
        give_up_at = asyncio.get_running_loop().time() + TIMEOUT
        while True:
            os.kill(self.process.pid, signal.SIGSTOP)
            # until it has really stopped: a call of the system that is under way ends first
            await asyncio.to_thread(os.waitid, os.P_PID, self.process.pid, os.WSTOPPED)
            if await is_writable(Path(url.removeprefix("sqlite:///"))):
                return
            assert asyncio.get_running_loop().time() < give_up_at, "somebody else holds the lock of the database"
            self.resume()
            await asyncio.sleep(0.005)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.process.pid, signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is dead."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def child(
    action: str,
    url: str,
    ledger: Path,
    *args: str,
    prefix: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> AsyncGenerator[Child]:
    """A child that is ready; killed at the end. Shape: `prefix` is a command that starts it."""
    process = await asyncio.create_subprocess_exec(
        *prefix,
        sys.executable,
        "-m",
        "tests.chaos.player",
        action,
        url,
        str(ledger),
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    )
    started = Child(process)
    try:
        said = await started.line()
        assert said == "ready", f"the child said {said!r}"
        yield started
    finally:
        await started.kill()


async def is_writable(path: Path) -> bool:
    """Whether no process stands in the middle of a commit to a database file; one that works ends it soon."""
    connection = open_connection(str(path))
    connection.set_busy_timeout(0)
    try:
        for _ in range(50):
            with suppress(apsw.BusyError):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                return True
            await asyncio.sleep(0.01)
        return False
    finally:
        connection.close()


def damage(path: Path) -> list[str]:
    """What is wrong with a database file: nothing, it is to be hoped."""
    connection = open_connection(str(path))
    try:
        rows = connection.execute("PRAGMA integrity_check").fetchall()
    finally:
        connection.close()
    return [str(row[0]) for row in rows if row[0] != "ok"]


async def eventually(look: Callable[[], Awaitable[bool]], what: str, *, within: float = TIMEOUT) -> None:
    """Look again and again until it is so."""
    give_up_at = asyncio.get_running_loop().time() + within
    while not await look():
        assert asyncio.get_running_loop().time() < give_up_at, f"not within {within} s: {what}"
        await asyncio.sleep(0.01)

"""A real program is told to end while it works, in the ways in which programs are: no run fails because of it."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from perdure.stores import open_store
from tests.chaos.processes import ROOT, TIMEOUT

pytestmark = [pytest.mark.chaos, pytest.mark.slow]


async def program(how: str, url: str, ledger: Path, what: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.leaving",
        how,
        url,
        str(ledger),
        what,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )


CASES = [(how, what) for how in ("handler", "busy", "ctrl-c", "twice") for what in ("run", "turn")]


@pytest.mark.parametrize(("how", "what"), [case for case in CASES if case != ("busy", "turn")])
async def test_what_it_was_doing_goes_on_in_the_next_process(tmp_path: Path, how: str, what: str) -> None:
    url, ledger = f"sqlite:///{tmp_path}/runs.db", tmp_path / "ledger"
    first = await program(how, url, ledger, what)
    try:
        assert first.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            assert await first.stdout.readline() == b"begun\n"
            first.send_signal(signal.SIGTERM if how in {"handler", "busy"} else signal.SIGINT)
            if how == "twice":
                assert await first.stdout.readline() == b"told\n"
                first.send_signal(signal.SIGINT)
            _, said = await first.communicate()
    finally:
        if first.returncode is None:
            first.kill()
            await first.wait()
    store = await open_store(url)
    [run] = await store.runs.list(tenant=None)
    await store.close()
    assert run.status in {"queued", "running"}, f"{run.status} {run.failure}\n{said.decode()}"
    second = await program(how, url, ledger, what)
    async with asyncio.timeout(TIMEOUT):
        out, said = await second.communicate()
    assert out.decode().strip() == ("Found it." if what == "turn" else "done"), said.decode()
    assert ledger.read_text() == "xx"

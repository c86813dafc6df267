"""`perdure worker`: works, and stops as it is told."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time

import pytest

from perdure import App, Context
from perdure.core.records import RunRecord
from tests.cli.shell import Shell
from tests.cli.watching import see, wait_until

pytestmark = pytest.mark.slow

MODULE = """
import asyncio, perdure
app = perdure.App(grace={grace})

@app.workflow
async def work(ctx: perdure.Context, seconds: float) -> str:
    await ctx.step("begin", begin)
    await ctx.step("wait", asyncio.sleep, seconds)
    return "done"

def begin() -> None: ...
"""


async def work(ctx: Context, seconds: float) -> str:
    raise AssertionError


def start(shell: Shell, seconds: float) -> None:
    async def ask() -> None:
        app = App(shell.store)
        async with app.client() as client:
            await client.start(app.workflow(work), seconds, run_id="one")

    asyncio.run(ask())


def run_of(shell: Shell) -> RunRecord:
    return see(shell).runs[0]


def begin(shell: Shell, *, grace: float, seconds: float) -> subprocess.Popen[str]:
    shell.write("working", MODULE.format(grace=grace))
    start(shell, seconds)
    child = shell.begin("worker", "working:app", "--store", shell.store)
    wait_until(shell, lambda seen: seen.steps > 0)
    return child


def test_it_does_what_was_asked_before_it_came(shell: Shell) -> None:
    child = begin(shell, grace=5, seconds=0)
    wait_until(shell, lambda seen: seen.runs[0].status == "completed")
    child.terminate()
    _, noted = child.communicate(timeout=10)
    assert child.returncode == 0
    assert "works for work" in noted
    assert f"store {shell.store}" in noted


def test_told_to_stop_it_lets_runs_end_within_the_grace_time_and_claims_nothing_new(shell: Shell) -> None:
    child = begin(shell, grace=30, seconds=1)
    child.terminate()
    child.wait(timeout=20)
    assert run_of(shell).status == "completed"


def test_told_to_stop_it_releases_what_does_not_end_in_time(shell: Shell) -> None:
    child = begin(shell, grace=0.2, seconds=60)
    child.terminate()
    child.wait(timeout=10)
    run = run_of(shell)
    assert (run.status, run.worker_id, run.suspicion) == ("queued", None, None)


def test_told_twice_it_stops_at_once(shell: Shell) -> None:
    child = begin(shell, grace=60, seconds=60)
    child.terminate()
    assert child.stderr is not None
    while "once more" not in child.stderr.readline():
        continue
    child.send_signal(signal.SIGINT)
    child.wait(timeout=10)
    assert run_of(shell).status == "queued"


@pytest.mark.chaos
def test_what_a_killed_worker_left_is_taken_over_by_the_next_one(shell: Shell) -> None:
    child = begin(shell, grace=5, seconds=1.5)
    child.kill()
    child.wait()
    assert run_of(shell).status == "running"
    shell.begin("worker", "working:app", "--store", shell.store)
    wait_until(shell, lambda seen: seen.runs[0].status == "completed")


UNRESPONSIVE = """
import perdure, perdure.runs.attempt_tasks
perdure.runs.attempt_tasks.UNWIND_FOR = 0.2
app = perdure.App(grace=0.2)

@app.workflow
async def work(ctx: perdure.Context, seconds: float) -> str:
    while True:
        try:
            await ctx.step("begin", begin)
            return await ctx.await_event("go")
        except BaseException:
            pass

def begin() -> None: ...
"""


def test_a_workflow_that_swallows_everything_keeps_it_neither_from_others_nor_from_stopping(shell: Shell) -> None:
    shell.write("working", UNRESPONSIVE)
    start(shell, 0)
    child = shell.begin("worker", "working:app", "--store", shell.store)
    wait_until(shell, lambda seen: seen.runs[0].status == "suspended")
    child.terminate()
    _, noted = child.communicate(timeout=20)
    assert child.returncode == 0
    assert "would not end" in noted
    assert run_of(shell).status == "suspended"


STUBBORN = """
import pathlib, time, perdure
app = perdure.App(grace=60.0)

@app.workflow
async def work(ctx: perdure.Context, seconds: float) -> str:
    return await ctx.step("busy", busy, seconds)

def busy(seconds: float) -> str:
    pathlib.Path("begun").touch()
    time.sleep(seconds)
    return "done"
"""


def test_told_three_times_it_leaves_as_it_is(shell: Shell) -> None:
    shell.write("working", STUBBORN)
    start(shell, 60)
    child = shell.begin("worker", "working:app", "--store", shell.store)
    wait_until(shell, lambda _: (shell.folder / "begun").exists())
    assert child.stderr is not None
    for said in ("once more to stop at once", "once more to leave as it is"):
        child.terminate()
        while said not in child.stderr.readline():
            continue
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, noted = child.communicate(timeout=10)
    assert time.monotonic() - began < 3  # the function goes on for a minute
    assert child.returncode == 130
    assert "left as it is" in noted
    assert "Traceback" not in noted
    assert "✓" not in noted
    assert run_of(shell).status == "running"  # until its lease ends


def test_told_twice_it_does_not_say_that_a_function_which_goes_on_has_stopped(shell: Shell) -> None:
    shell.write("working", STUBBORN.replace("import pathlib", "import perdure.runs.attempt_tasks as t, pathlib"))
    shell.write("working", f"{(shell.folder / 'working.py').read_text()}\nt.UNWIND_FOR = 0.2\n")
    start(shell, 60)
    child = shell.begin("worker", "working:app", "--store", shell.store)
    wait_until(shell, lambda _: (shell.folder / "begun").exists())
    child.terminate()
    assert child.stderr is not None
    while "once more" not in child.stderr.readline():
        continue
    child.terminate()
    _, noted = child.communicate(timeout=20)
    assert "would not end" in noted
    assert "✓" not in noted
    assert "could not deregister" not in noted
    assert "async with app" not in noted

"""`perdure doctor`: every unfinished run has a live lease, a due timer or a named waiter; what has not is listed."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys

import pytest

from perdure import App, Context
from perdure.runs.doctor import Health, examine
from tests.cli.shell import SLOW, Shell, wait_for
from tests.cli.watching import reach, wait_until

pytestmark = pytest.mark.slow


async def sleeping(ctx: Context) -> None:
    await ctx.sleep(3600)


async def waiting(ctx: Context) -> None:
    await ctx.await_event("word")


async def asking(ctx: Context) -> None:
    await ctx.step("pay", asyncio.sleep, 60, in_doubt="ask", timeout=0.05)


async def queued(ctx: Context) -> None: ...


def prepare(shell: Shell) -> None:
    """A run that sleeps, one that waits, one that asks, and one that nobody has begun."""

    async def work() -> None:
        app = App(shell.store)
        async with app:
            runs = [await app.start(app.workflow(each), run_id=each.__name__) for each in (sleeping, waiting, asking)]
            for run in runs:
                await reach(app, run.id, "suspended")
        async with app.client() as client:
            await client.start(app.workflow(queued), run_id="queued")

    asyncio.run(work())


def spoil(shell: Shell, sql: str) -> None:
    with sqlite3.connect(shell.folder / "perdure.db") as database:
        database.execute(sql)
    database.close()


def findings(shell: Shell, run_id: str) -> str:
    """The line about a run; doctor must have found it wrong."""
    ended = shell.run("doctor")
    assert ended.returncode == 1, ended.stdout
    return next(line for line in ended.stdout.splitlines() if line.startswith(run_id))


def test_runs_that_sleep_wait_and_ask_are_well(shell: Shell) -> None:
    prepare(shell)
    spoil(shell, "DELETE FROM runs WHERE run_id = 'queued'")
    ended = shell.run("doctor")
    assert ended.returncode == 0, ended.stdout
    assert "all is well" in ended.stdout
    assert "SQLite" in ended.stdout
    assert "schema" in ended.stdout
    assert "3 suspended" in ended.stdout
    assert "Step 'pay' of asking is in doubt" in ended.stdout, "open questions are listed"


def test_a_run_that_nobody_will_execute_is_a_finding_and_not_well(shell: Shell) -> None:
    prepare(shell)
    assert "no live worker serves queue 'default'" in findings(shell, "queued")
    ended = shell.run("doctor")
    assert "all is well" not in ended.stdout
    assert "✗ 1 to look after" in ended.stdout


def test_a_timer_that_is_due_and_that_nobody_serves_is_a_finding(shell: Shell) -> None:
    prepare(shell)
    spoil(shell, "DELETE FROM runs WHERE run_id = 'queued'")
    spoil(shell, "UPDATE runs SET due_at = due_at - 7200 WHERE run_id = 'sleeping'")
    assert "it is due, and no live worker serves queue 'default'" in findings(shell, "sleeping")


SERVED = """
import perdure
app = perdure.App()

@app.workflow
async def known(ctx: perdure.Context) -> None: ...
"""


def test_a_run_that_is_due_and_of_a_workflow_that_no_worker_knows_is_a_finding(shell: Shell) -> None:
    prepare(shell)
    spoil(shell, "UPDATE runs SET ready_at = ready_at - 7200 WHERE run_id = 'queued'")
    shell.write("served", SERVED)
    worker = shell.begin("worker", "served:app")
    wait_for(lambda: "no live worker" not in shell.run("doctor").stdout)
    assert "no worker knows the workflow 'queued'" in findings(shell, "queued")
    worker.terminate()
    worker.communicate(timeout=10)


LEAVES = """
import asyncio, sys
import perdure

app = perdure.App()

@app.workflow
async def leaves(ctx: perdure.Context) -> None:
    asyncio.get_running_loop().call_soon(sys.exit, 3)
    await ctx.await_event("word")

async def main() -> None:
    store = await perdure.open_store(app.url)
    try:
        await app.worker(store).start()
        sys.exit(3)
    finally:
        await store.close()

if __name__ == "__main__":
    asyncio.run(main())
"""


def lives(shell: Shell) -> list[str]:
    """What doctor says of the workers."""

    async def look() -> list[str]:
        async with App(shell.store).client() as client:
            return [life for _, life in (await examine(client.store, client.clock)).workers]

    return asyncio.run(look())


def test_a_worker_of_a_process_that_left_without_stopping_it_is_dead_at_once(shell: Shell) -> None:
    shell.write("leaves", LEAVES)
    ended = subprocess.run([sys.executable, "leaves.py"], cwd=shell.folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 3
    assert re.fullmatch(r"worker \S+ was cancelled from outside; it claims nothing more\n", ended.stderr)
    assert lives(shell) == ["dead"]


def test_a_worker_command_that_code_of_the_user_s_ends_leaves_no_live_worker(shell: Shell) -> None:
    shell.write("leaves", LEAVES)
    asyncio.run(start_by_name(shell, "leaves"))
    worker = shell.begin("worker", "leaves:app")
    worker.communicate(timeout=20)
    assert worker.returncode == 3
    assert "live" not in lives(shell)


async def start_by_name(shell: Shell, workflow: str) -> None:
    async with App(shell.store).client() as client:
        await client.start(workflow, run_id=workflow)


@pytest.mark.chaos
def test_a_run_whose_worker_was_killed_is_found_until_another_takes_over(shell: Shell) -> None:
    shell.write("slow", SLOW.replace('"pace": 0.04', '"pace": 0.5'))  # longer than doctor takes on a busy machine
    child = shell.begin("chat", "slow:app", "-m", "Weather in Oslo?")
    wait_until(shell, lambda seen: bool(seen.words))
    alive = shell.run("doctor")
    assert alive.returncode == 0
    assert "live" in alive.stdout
    child.kill()
    child.wait()
    assert "is gone (dead); any worker that starts takes it over" in findings(shell, "turn_")
    shell.write("slow", SLOW)
    assert shell.run("chat", "slow:app").returncode == 0
    assert shell.run("doctor").returncode == 0


@pytest.mark.parametrize(
    ("run_id", "sql", "what"),
    [
        ("sleeping", "UPDATE runs SET due_at = NULL WHERE run_id = 'sleeping'", "no time to be due at"),
        ("waiting", "UPDATE runs SET waiting_for = NULL WHERE run_id = 'waiting'", "waits for nothing that can come"),
        ("queued", "UPDATE runs SET ready_at = NULL WHERE run_id = 'queued'", "no worker will ever claim it"),
        (
            "waiting",
            (
                "INSERT INTO events (id, run, key, slot, payload, emitted_at, emit_id)"
                " SELECT id << 24 | 1, id, 'event:word', '', '1', 0, 'one'"
                " FROM runs WHERE run_id = 'waiting'"
            ),
            "waits for event:word, which has come",
        ),
        (
            "queued",
            "UPDATE runs SET status = 'running', worker_id = 'ghost' WHERE run_id = 'queued'",
            "its worker ghost is not there",
        ),
    ],
    ids=["a timer lost", "a waiter lost", "a queued run lost", "a wake-up lost", "an owner lost"],
)
def test_a_sick_run_is_found_and_named(shell: Shell, run_id: str, sql: str, what: str) -> None:
    prepare(shell)
    spoil(shell, sql)
    assert what in findings(shell, run_id)


def test_calls_that_nobody_waits_for_are_counted_in_their_process(shell: Shell) -> None:
    async def look() -> Health:
        app = App(shell.store)
        async with app.client() as client:
            worker = app.worker(client.store)
            await worker.start()
            call = worker.holder.pool.start(event.wait)
            await asyncio.sleep(0.05)
            worker.holder.pool.abandon(call)
            try:
                return await examine(client.store, client.clock, worker=worker)
            finally:
                event.set()
                await worker.stop()

    import threading

    event = threading.Event()
    health = asyncio.run(look())
    assert (health.stuck_calls, health.is_well) == (1, True)
    assert [life for _, life in health.workers] == ["live"]

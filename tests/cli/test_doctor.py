"""`perdure doctor`: every unfinished run has a live lease, a due timer or a named waiter; what has not is listed."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from perdure import App, Context
from perdure.runs.doctor import Health, examine
from tests.cli.shell import SLOW, Shell
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
    ended = shell.run("doctor")
    assert ended.returncode == 0, ended.stdout
    assert "all is well" in ended.stdout
    assert "SQLite" in ended.stdout
    assert "schema" in ended.stdout
    assert "1 queued, 3 suspended" in ended.stdout
    assert "Step 'pay' of asking is in doubt" in ended.stdout, "open questions are listed"
    assert "no live worker serves queue 'default'" in ended.stdout, "worth knowing, not wrong"


@pytest.mark.chaos
def test_a_run_whose_worker_was_killed_is_found_until_another_takes_over(shell: Shell) -> None:
    shell.write("slow", SLOW)
    child = shell.begin("chat", "slow:app", "-m", "Weather in Oslo?")
    wait_until(shell, lambda seen: bool(seen.words))
    alive = shell.run("doctor")
    assert alive.returncode == 0
    assert "live" in alive.stdout
    child.kill()
    child.wait()
    assert "is gone (dead); any worker that starts takes it over" in findings(shell, "turn_")
    assert shell.run("chat", "slow:app").returncode == 0
    assert shell.run("doctor").returncode == 0


@pytest.mark.parametrize(
    ("run_id", "sql", "what"),
    [
        ("sleeping", "UPDATE runs SET due_at = NULL WHERE run_id = 'sleeping'", "no time to be due at"),
        ("waiting", "UPDATE runs SET waiting_for = NULL WHERE run_id = 'waiting'", "waits for nothing that can come"),
        ("queued", "UPDATE runs SET due_at = NULL WHERE run_id = 'queued'", "no worker will ever claim it"),
        (
            "waiting",
            "INSERT INTO events (run_id, key, payload, emitted_at) VALUES ('waiting', 'word', '1', 0)",
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

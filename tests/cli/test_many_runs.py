"""`perdure runs` on many runs at once, and on those of tenants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from perdure import App, Context
from perdure.core import topics
from perdure.core.records import RunRecord
from perdure.errors import RunFailed
from tests.cli.shell import Shell

pytestmark = pytest.mark.slow

MANY = 7


async def no(ctx: Context, number: int) -> None:
    raise ValueError(f"no {number}")


def prepare_failed(shell: Shell, tenant: str | None = None) -> None:
    async def work() -> None:
        app = App(shell.store)
        workflow = app.workflow(no)
        async with app:
            door = app.acting_as(tenant=tenant)
            runs = [await door.start(workflow, number, run_id=f"run-{number}") for number in range(MANY)]
            for run in runs:
                with pytest.raises(RunFailed):
                    await run.result()

    asyncio.run(work())


async def first(ctx: Context) -> str:
    await ctx.step("a", lambda: 1)
    return await ctx.await_event("word", as_=str)


async def other(ctx: Context) -> str:
    await ctx.step("b", lambda: 1)
    return await ctx.await_event("word", as_=str)


async def reach(app: App, run_id: str, is_reached: Callable[[RunRecord], bool]) -> None:
    watch = app.store.watch(topics.run(None, run_id))
    while not is_reached(await app.run(run_id).record()):
        await watch.wait()
    watch.close()


def prepare_parked(shell: Shell) -> None:
    """Runs whose code was changed where they had been, and one that waits for an event only."""

    async def begin() -> None:
        app = App(shell.store)
        workflow, waits = app.workflow(name="work")(first), app.workflow(name="waits")(first)
        async with app:
            for number in range(MANY):
                await app.start(workflow, run_id=f"run-{number}")
            await app.start(waits, run_id="waits")
            for number in range(MANY):
                await reach(app, f"run-{number}", lambda run: run.status == "suspended")
            await reach(app, "waits", lambda run: run.status == "suspended")

    async def change() -> None:
        app = App(shell.store)
        app.workflow(name="work")(other)
        async with app:
            for number in range(MANY):
                await app.run(f"run-{number}").emit_event("word", "go")
            for number in range(MANY):
                await reach(app, f"run-{number}", lambda run: run.is_parked)

    asyncio.run(begin())
    asyncio.run(change())


def status_of(shell: Shell, *options: str) -> dict[str, int]:
    lines = shell.run("runs", "list", *options).stdout.splitlines()[1:]
    found = [line.split() for line in lines]
    return {status: sum(status in words for words in found) for status in ("queued", "failed", "parked", "suspended")}


def test_all_failed_runs_of_a_workflow_are_queued_again(shell: Shell) -> None:
    prepare_failed(shell)
    said = shell.run("runs", "restart", "--workflow", "no")
    assert (said.returncode, f"{MANY} queued again" in said.stderr) == (0, True)
    assert status_of(shell)["queued"] == MANY
    assert "0 queued again" in shell.run("runs", "restart", "--workflow", "no").stderr


def test_runs_of_a_tenant_are_listed_with_it_and_acted_on_in_its_name(shell: Shell) -> None:
    prepare_failed(shell, "acme")
    assert "acme" in shell.run("runs", "list").stdout
    assert status_of(shell, "--tenant", "acme")["failed"] == MANY
    assert shell.run("runs", "list", "--tenant", "other").stdout == ""
    assert shell.run("runs", "show", "run-1").returncode == 5
    assert "acme" in shell.run("runs", "show", "run-1", "--tenant", "acme").stdout
    assert "0 queued again" in shell.run("runs", "restart", "--workflow", "no").stderr
    assert f"{MANY} queued again" in shell.run("runs", "restart", "--workflow", "no", "--tenant", "acme").stderr


def test_parked_runs_are_told_apart_and_given_up_together(shell: Shell) -> None:
    prepare_parked(shell)
    assert status_of(shell) == {"queued": 0, "failed": 0, "parked": MANY, "suspended": 1}
    said = shell.run("runs", "fail", "--queue", "default")
    assert (said.returncode, f"{MANY} failed" in said.stderr) == (0, True)
    assert status_of(shell) == {"queued": 0, "failed": MANY, "parked": 0, "suspended": 1}


def test_a_run_is_given_up_by_its_id_with_a_reason(shell: Shell) -> None:
    prepare_parked(shell)
    assert shell.run("runs", "fail", "waits", "--reason", "nobody asks for it").returncode == 0
    assert "nobody asks for it" in shell.run("runs", "show", "waits").stdout
    again = shell.run("runs", "fail", "nothing")
    assert (again.returncode, "run_not_found" in again.stderr) == (5, True)


@pytest.mark.parametrize("command", ["restart", "fail"])
@pytest.mark.parametrize("choice", [(), ("run-1", "--workflow", "no")])
def test_runs_are_named_or_described(shell: Shell, command: str, choice: tuple[str, ...]) -> None:
    said = shell.run("runs", command, *choice)
    assert (said.returncode, "name runs by their ids" in said.stderr) == (2, True)

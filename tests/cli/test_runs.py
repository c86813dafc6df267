"""`perdure runs`: what is shown of runs, and what can be done to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from perdure import App, Context, Retry
from perdure.app.client import Client
from perdure.core.records import RunRecord, StepRecord
from tests.cli.shell import Shell
from tests.cli.watching import reach

pytestmark = pytest.mark.slow

paid = list[str]()


def nothing() -> None: ...


def no() -> None:
    raise ValueError("the till is empty")


async def good(ctx: Context) -> int:
    await ctx.step("nothing", nothing)
    return 42


async def bad(ctx: Context) -> None:
    await ctx.step("fetch", nothing, kind="http")
    await ctx.step("pay", no, retry=Retry(attempts=2, initial=0.0))


async def waiting(ctx: Context) -> str:
    return await ctx.await_event("word", as_=str)


async def doubtful(ctx: Context) -> str:
    return await ctx.step("pay", slowly, in_doubt="ask", timeout=0.05)


async def slowly() -> str:
    await asyncio.sleep(60)
    return "never"


def prepare(shell: Shell, *workflows: Callable[[Context], Awaitable[object]], until: str = "") -> None:
    """Run each workflow in this process, under its name as id, until it has ended, or is as is told."""

    async def work() -> None:
        app = App(shell.store)
        declared = [app.workflow(each) for each in workflows]
        async with app:
            for workflow in declared:
                run = await app.start(workflow, run_id=workflow.name)
                await reach(app, run.id, "completed", "failed", until)

    asyncio.run(work())


def record(shell: Shell, run_id: str) -> tuple[RunRecord, list[StepRecord]]:
    async def look() -> tuple[RunRecord, list[StepRecord]]:
        async with App(shell.store).client() as client:
            return await client.run(run_id).record(), await client.run(run_id).steps()

    return asyncio.run(look())


def asked(shell: Shell, act: Callable[[Client], Awaitable[None]]) -> None:
    async def ask() -> None:
        async with App(shell.store).client() as client:
            await act(client)

    asyncio.run(ask())


def test_runs_are_listed_the_newest_first_with_their_status_and_why(shell: Shell) -> None:
    prepare(shell, good, bad)
    prepare(shell, waiting, until="suspended")
    lines = shell.run("runs", "list").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["run", "workflow", "status"],
        ["waiting", "waiting", "suspended"],
        ["bad", "bad", "failed"],
        ["good", "good", "completed"],
    ]
    assert lines[1].rstrip().endswith("word"), "what it waits for"
    assert "StepFailed" in lines[2] or "the till is empty" in lines[2], "why it failed"


async def misfits(ctx: Context) -> int:
    return await ctx.step("two", two)


async def two() -> int:
    return "two"  # type: ignore[return-value]  - what parks its run


def test_parked_runs_are_listed_and_shown_by_that_word(shell: Shell) -> None:
    prepare(shell, good)
    prepare(shell, misfits, until="suspended")
    prepare(shell, waiting, until="suspended")
    lines = shell.run("runs", "list", "--status", "parked").stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["misfits", "misfits", "parked"]]
    assert "status    parked" in shell.run("runs", "show", "misfits").stdout
    refused = shell.run("runs", "list", "--status", "nothing")
    assert refused.returncode == 2
    assert "parked" in refused.stderr


def test_on_a_narrow_terminal_no_word_of_a_list_is_broken(shell: Shell) -> None:
    prepare(shell, good, bad)
    for command, columns in ((["runs", "list"], 44), (["runs", "show", "bad"], 72)):
        said = shell.run(*command, COLUMNS=str(columns)).stdout
        assert all(len(line) <= columns for line in said.splitlines())
        for word in ("completed", "failed"):
            assert word in said


def test_what_the_encoding_of_stdout_lacks_is_no_failure(shell: Shell) -> None:
    prepare(shell, bad)
    for command in (["runs", "show", "bad"], ["doctor"]):
        ended = shell.run(*command, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert ended.returncode in {0, 1}, ended.stderr


def test_a_list_may_be_narrowed(shell: Shell) -> None:
    prepare(shell, good, bad)
    assert [line.split()[0] for line in shell.run("runs", "list", "--status", "failed").stdout.splitlines()] == [
        "run",
        "bad",
    ]
    assert [line.split()[0] for line in shell.run("runs", "list", "--workflow", "good").stdout.splitlines()][1:] == [
        "good"
    ]
    assert len(shell.run("runs", "list", "-n", "1").stdout.splitlines()) == 2


def test_a_run_is_shown_as_a_timeline_with_durations_attempts_and_failures(shell: Shell) -> None:
    prepare(shell, bad)
    said = shell.run("runs", "show", "bad").stdout
    rows = {line.split()[1]: line for line in said.splitlines() if line[:1].isdigit()}
    assert rows["fetch"].split()[:4] == ["0", "fetch", "http", "completed"]
    assert rows["pay"].split()[:5] == ["1", "pay", "logic", "failed", "2"]
    assert all("━" in row and " ms " in row for row in rows.values())
    assert "└ ValueError: the till is empty" in said


def test_a_run_that_is_not_there_is_refused(shell: Shell) -> None:
    prepare(shell, good)
    for command in (["show", "x"], ["restart", "x"], ["cancel", "x"], ["resolve", "x", "0", "--again"]):
        ended = shell.run("runs", *command)
        assert (ended.returncode, "error run_not_found no run 'x'" in ended.stderr) == (5, True)


def test_the_result_is_shown(shell: Shell) -> None:
    prepare(shell, good)
    assert "result 42" in shell.run("runs", "show", "good").stdout


def test_a_restart_queues_a_failed_run_and_refuses_any_other(shell: Shell) -> None:
    prepare(shell, good, bad)
    assert shell.run("runs", "restart", "bad").returncode == 0
    assert record(shell, "bad")[0].status == "queued"
    ended = shell.run("runs", "restart", "good")
    assert (ended.returncode, "error run_state_wrong" in ended.stderr) == (5, True)


def test_a_cancel_ends_a_run_with_its_reason(shell: Shell) -> None:
    prepare(shell, waiting, until="suspended")
    ended = shell.run("runs", "cancel", "waiting", "--reason", "enough")
    assert (ended.returncode, "the run is cancelled" in ended.stderr) == (0, True)
    assert record(shell, "waiting")[0].cancel_reason == "enough"
    assert "(enough)" in shell.run("runs", "show", "waiting").stdout


def test_a_cancel_of_a_run_that_has_ended_says_so_and_changes_nothing(shell: Shell) -> None:
    prepare(shell, good, bad)
    for run_id, status in (("good", "completed"), ("bad", "failed")):
        ended = shell.run("runs", "cancel", run_id)
        assert (ended.returncode, "✓" in ended.stderr) == (5, False)
        assert f"error run_state_wrong run '{run_id}' is {status}; it has ended already" in ended.stderr
        assert record(shell, run_id)[0].status == status


def test_a_cancel_may_be_repeated(shell: Shell) -> None:
    prepare(shell, waiting, until="suspended")
    for _ in range(2):
        ended = shell.run("runs", "cancel", "waiting")
        assert (ended.returncode, "the run is cancelled" in ended.stderr) == (0, True)


@pytest.mark.parametrize(
    ("choice", "status", "attempts"),
    [(["--value", '"paid"'], "completed", 1), (["--failed"], "failed", 1), (["--again"], "suspended", 2)],
    ids=["value", "failed", "again"],
)
def test_a_step_in_doubt_is_resolved_by_its_position(
    shell: Shell, choice: list[str], status: str, attempts: int
) -> None:
    prepare(shell, doubtful, until="suspended")
    shown = shell.run("runs", "show", "doubtful").stdout
    assert "perdure runs resolve doubtful 0 --again|--failed|--value JSON" in shown
    assert shell.run("runs", "resolve", "doubtful", "0", *choice, "--by", "ana").returncode == 0
    prepare(shell, doubtful, until="suspended")
    run, steps = record(shell, "doubtful")
    assert (run.status, steps[0].attempts) == (status, attempts)
    if status == "completed":
        assert run.result == b'"paid"'

    async def was_answered(client: Client) -> None:
        first, *_ = await client.questions.list(run_id="doubtful", open_only=False)
        assert first.answered_by == "ana"

    asked(shell, was_answered)


def test_a_position_that_asks_nothing_is_refused(shell: Shell) -> None:
    prepare(shell, good)
    ended = shell.run("runs", "resolve", "good", "0", "--again")
    assert ended.returncode == 5
    assert "error question_not_found step 0 of run 'good' asks nothing" in ended.stderr


def test_a_question_that_is_answered_is_refused_as_answered(shell: Shell) -> None:
    prepare(shell, doubtful, until="suspended")
    assert shell.run("runs", "resolve", "doubtful", "0", "--failed").returncode == 0
    ended = shell.run("runs", "resolve", "doubtful", "0", "--again")
    assert (ended.returncode, "error question_answered" in ended.stderr) == (5, True)


def test_a_question_of_a_run_that_has_ended_is_asked_no_more(shell: Shell) -> None:
    prepare(shell, doubtful, until="suspended")
    assert "perdure runs resolve doubtful 0" in shell.run("runs", "show", "doubtful").stdout
    assert shell.run("runs", "cancel", "doubtful").returncode == 0
    assert "perdure runs resolve" not in shell.run("runs", "show", "doubtful").stdout


def test_a_wait_that_was_open_when_its_run_was_cancelled_has_ended_with_it(shell: Shell) -> None:
    async def sleeping(ctx: Context) -> None:
        await ctx.sleep(3600)

    prepare(shell, sleeping, until="suspended")
    assert shell.run("runs", "cancel", "sleeping").returncode == 0
    (row, again) = (
        next(line for line in shell.run("runs", "show", "sleeping").stdout.splitlines() if line.startswith("0"))
        for _ in range(2)
    )
    assert row == again, "its time does not grow"
    assert row.split()[:4] == ["0", "sleep", "sleep", "ended"]

"""`perdure run`: one run, from its start to its result."""

from __future__ import annotations

import signal

import pytest

from tests.cli.shell import Shell
from tests.cli.watching import see, wait_until

pytestmark = pytest.mark.slow

MODULE = """
import asyncio
from pathlib import Path
import perdure

app = perdure.App()

async def double(ctx: perdure.Context, given: int) -> int:
    return await ctx.step("double", twice, given)

def twice(number: int) -> int:
    with Path("effects").open("a") as effects:
        effects.write("twice\\n")
    return 2 * number

async def long(ctx: perdure.Context, seconds: float) -> str:
    await ctx.step("double", twice, 1)
    await ctx.step("wait", asyncio.sleep, seconds, in_doubt="retry")
    return "over"

async def short(ctx: perdure.Context, given: None) -> None:
    raise ValueError("too short")

@app.workflow
async def add(ctx: perdure.Context, one: int, other: int = 1) -> int:
    child = await ctx.start(inner, one)
    return await child.result() + other

@app.workflow
async def inner(ctx: perdure.Context, number: int) -> int:
    return await ctx.step("twice", twice, number)

@app.workflow
async def listed(ctx: perdure.Context, numbers: list[int]) -> int:
    return sum(numbers)
"""


@pytest.fixture(autouse=True)
def written(shell: Shell) -> None:
    shell.write("work", MODULE)


def test_the_result_of_a_function_is_printed_as_json(shell: Shell) -> None:
    ended = shell.run("run", "work:double", "--input", "21", "--id", "one")
    assert (ended.returncode, ended.stdout) == (0, "42\n")
    assert "run one" in ended.stderr


def test_the_same_id_gives_the_result_again_and_repeats_no_effect(shell: Shell) -> None:
    for _ in range(2):
        assert shell.run("run", "work:double", "--input", "21", "--id", "one").stdout == "42\n"
    assert (shell.folder / "effects").read_text() == "twice\n"


def test_the_same_id_with_another_input_is_refused(shell: Shell) -> None:
    shell.run("run", "work:double", "--input", "21", "--id", "one")
    ended = shell.run("run", "work:double", "--input", "22", "--id", "one")
    assert (ended.returncode, ended.stdout) == (5, "")
    assert "error run_input_mismatch" in ended.stderr


@pytest.mark.parametrize(
    ("target", "given", "result"),
    [
        ("add", '{"one": 2, "other": 3}', "7"),
        ("add", "[2, 3]", "7"),
        ("add", "2", "5"),
        ("add", '{"one": 2}', "5"),
        ("listed", "[2, 3]", "5"),
        ("listed", '{"numbers": [2]}', "2"),
    ],
)
def test_a_workflow_gets_its_arguments_by_name_in_order_or_as_the_only_one(
    shell: Shell, target: str, given: str, result: str
) -> None:
    ended = shell.run("run", f"work:{target}", "--input", given)
    assert (ended.returncode, ended.stdout) == (0, f"{result}\n"), ended.stderr


def test_a_failure_is_one_line_of_its_own_and_the_same_id_tries_again(shell: Shell) -> None:
    ended = shell.run("run", "work:short", "--id", "one")
    assert (ended.returncode, ended.stdout) == (6, "")
    assert "error run_failed run 'one' failed (error): ValueError: too short" in ended.stderr
    assert shell.run("run", "work:short", "--id", "one").returncode == 6


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (["work:double", "--input", "{"], 3, "setting_invalid"),
        (["work:double", "--input", "1", "--id", "x" * 513], 4, "id_invalid"),
        (["work:twice", "--input", "1"], 3, "setting_invalid"),
        (["work:add", "--input", '"two"'], 4, ""),
    ],
)
def test_what_can_t_be_run_is_refused(shell: Shell, arguments: list[str], exit_code: int, code: str) -> None:
    ended = shell.run("run", *arguments)
    assert ended.returncode == exit_code, ended.stderr
    assert code in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_interrupted_it_releases_the_run_and_the_same_id_goes_on(shell: Shell, number: signal.Signals) -> None:
    arguments = ["run", "work:long", "--input", "1.5", "--id", "one"]
    child = shell.begin(*arguments)
    wait_until(shell, lambda seen: bool(seen.runs) and seen.runs[0].rev > 1)
    child.send_signal(number)
    _, noted = child.communicate(timeout=10)
    assert child.returncode == 130
    assert "released; the same command goes on with --id one" in noted
    assert "Traceback" not in noted
    assert see(shell).runs[0].status == "queued"
    assert shell.run(*arguments).stdout == '"over"\n'
    assert (shell.folder / "effects").read_text() == "twice\n"


@pytest.mark.chaos
def test_killed_it_goes_on_with_the_same_id(shell: Shell) -> None:
    arguments = ["run", "work:long", "--input", "1.0", "--id", "one"]
    child = shell.begin(*arguments)
    wait_until(shell, lambda seen: bool(seen.runs) and seen.runs[0].rev > 1)
    child.kill()
    child.wait()
    assert shell.run(*arguments).stdout == '"over"\n'
    assert (shell.folder / "effects").read_text() == "twice\n"

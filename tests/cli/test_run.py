"""`perdure run`: one run, from its start to its result."""

from __future__ import annotations

import signal
import time

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

async def long(ctx: perdure.Context) -> str:
    await ctx.step("double", twice, 1)
    await ctx.step("wait", told, in_doubt="retry")
    return "over"

async def told() -> None:
    while not Path("go").exists():
        await asyncio.sleep(0.01)

async def short(ctx: perdure.Context, given: None) -> None:
    raise ValueError("too short")

@app.workflow
async def add(ctx: perdure.Context, one: int, other: int = 1) -> int:
    child = await ctx.start(inner, one)
    return await child.result() + other

@app.workflow
async def inner(ctx: perdure.Context, number: int) -> int:
    return await ctx.step("twice", twice, number)

async def defaulted(ctx: perdure.Context, number: int = 20) -> int:
    return await ctx.step("double", twice, number)

async def alone(ctx: perdure.Context) -> str:
    return "alone"

async def nothing_at_all() -> None: ...

async def wide(ctx: perdure.Context, one: int, other: int) -> None: ...

def broken(number: int) -> int:
    if not Path("mended").exists():
        raise ValueError("not mended")
    return number

async def mend(ctx: perdure.Context, number: int) -> int:
    await ctx.step("double", twice, number)
    return await ctx.step("broken", broken, number, retry=perdure.Retry(attempts=1))

@app.workflow
async def mended(ctx: perdure.Context, number: int) -> int:
    return await mend(ctx, number)

@app.workflow
async def optional(ctx: perdure.Context, one: int = 1, other: int = 2) -> int:
    return one + other

@app.workflow
async def greedy(
    ctx: perdure.Context, run_id: str, queue: str, *, project_id: int, tenant: int = 0, tags: int = 0
) -> list:
    return [run_id, queue, project_id, tenant, tags]

@app.workflow
async def labelled(ctx: perdure.Context, labels: dict[str, int]) -> int:
    return sum(labels.values())

@app.workflow
async def rest(ctx: perdure.Context, *numbers: int, **named: int) -> list:
    return [numbers, named]

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
        ("labelled", '{"a": 1, "b": 2}', "3"),
        ("labelled", '{"labels": {"a": 1}}', "1"),
        ("rest", "[1, 2]", "[[1,2],{}]"),
        ("rest", '{"a": 1}', '[[],{"a":1}]'),
        ("optional", "{}", "3"),
        ("optional", '{"other": 5}', "6"),
    ],
)
def test_a_workflow_gets_its_arguments_by_name_in_order_or_as_the_only_one(
    shell: Shell, target: str, given: str, result: str
) -> None:
    ended = shell.run("run", f"work:{target}", "--input", given)
    assert (ended.returncode, ended.stdout) == (0, f"{result}\n"), ended.stderr


@pytest.mark.parametrize(
    ("target", "result"), [("optional", "3"), ("defaulted", "40"), ("alone", '"alone"'), ("rest", "[[],{}]")]
)
def test_without_an_input_the_defaults_count_and_the_same_id_goes_on(shell: Shell, target: str, result: str) -> None:
    for _ in range(2):
        ended = shell.run("run", f"work:{target}", "--id", "one")
        assert (ended.returncode, ended.stdout) == (0, f"{result}\n"), ended.stderr


def test_a_function_with_a_default_takes_an_input_too(shell: Shell) -> None:
    assert shell.run("run", "work:defaulted", "--input", "3").stdout == "6\n"


def test_parameters_may_be_called_like_the_options_of_a_start(shell: Shell) -> None:
    given = '{"run_id": "own", "queue": "own", "project_id": 7, "tags": 8}'
    ended = shell.run("run", "work:greedy", "--input", given, "--id", "one")
    assert (ended.returncode, ended.stdout) == (0, '["own","own",7,0,8]\n'), ended.stderr
    (run,) = see(shell).runs
    assert (run.run_id, run.queue, run.project_id, run.tags) == ("one", "default", "default", {})


@pytest.mark.parametrize(
    ("target", "given", "said"),
    [
        ("add", '{"c": 1}', "'add' has no parameter 'c'; it takes: one, other"),
        ("add", '{"one": 1, "c": 1, "d": 2}', "'add' has no parameter 'c', 'd'; it takes: one, other"),
        ("listed", '{"c": 1}', "'listed' has no parameter 'c'; it takes: numbers"),
        (
            "labelled",
            '{"c": "no number"}',
            "'labelled' has no parameter 'c'; it takes: labels (and as labels[...]: Expected `int`",
        ),
    ],
)
def test_a_name_that_no_parameter_has_is_refused_with_the_names_that_are_known(
    shell: Shell, target: str, given: str, said: str
) -> None:
    ended = shell.run("run", f"work:{target}", "--input", given)
    assert (ended.returncode, f"error input_invalid --input: {said}" in ended.stderr) == (4, True), ended.stderr
    assert not (shell.folder / "perdure.db").exists()


@pytest.mark.parametrize("target", ["mend", "mended"], ids=["a function", "a workflow"])
def test_the_same_id_tries_again_what_has_failed_and_nothing_else(shell: Shell, target: str) -> None:
    arguments = ["run", f"work:{target}", "--input", "21", "--id", "one"]
    for _ in range(2):
        ended = shell.run(*arguments)
        assert (ended.returncode, "ValueError: not mended" in ended.stderr) == (6, True), ended.stderr
    (shell.folder / "mended").touch()
    assert shell.run(*arguments).stdout == "21\n"
    assert (shell.folder / "effects").read_text() == "twice\n", "and what had been done is not done again"


def test_a_failure_is_one_line_of_its_own_and_the_same_id_tries_again(shell: Shell) -> None:
    ended = shell.run("run", "work:short", "--id", "one")
    assert (ended.returncode, ended.stdout) == (6, "")
    assert "error run_failed run 'one' failed (error): ValueError: too short" in ended.stderr
    assert shell.run("run", "work:short", "--id", "one").returncode == 6


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["double", "--input", "1", "--id", "x" * 513], 4, "id_invalid --id: "),
        (["double", "--input", "1", "--id", ""], 4, "id_invalid --id: an id may not be empty"),
        (["add", "--input", "1", "--id", ""], 4, "id_invalid --id: an id may not be empty"),
        (["double"], 4, "input_invalid --input: Expected `int`, got `null`"),
        (["double", "--input", '"two"'], 4, "input_invalid --input: Expected `int`, got `str`"),
        (["double", "--input", str(2**64)], 4, "not_storable"),
        (["alone", "--input", "1"], 4, "input_invalid --input: 'alone' takes a context, and no input"),
        (
            ["add", "--input", '"two"'],
            4,
            "input_invalid arguments.one: Expected `int`, got `str`; 'add' takes (one, other=1)",
        ),
        (["add"], 4, "input_invalid arguments: missing a required argument: 'one'"),
        (["add", "--input", "[1, 2, 3]"], 4, "input_invalid arguments: too many positional arguments"),
        (["twice", "--input", "1"], 3, "setting_invalid work:twice: is a function that is not async; what can be run"),
        (["app"], 3, "setting_invalid work:app: is an App; what can be run is a workflow or an async function"),
        (["perdure.Agent"], 3, "setting_invalid work:perdure.Agent: is the class Agent; what can be run is"),
        (["MODULE"], 3, "setting_invalid work:MODULE: module 'work' has no 'MODULE'"),
        (["nothing_at_all"], 3, "setting_invalid work:nothing_at_all: can't be called as f(ctx) or f(ctx, input)"),
        (["wide", "--input", "1"], 3, "setting_invalid work:wide: can't be called as f(ctx) or f(ctx, input)"),
    ],
    ids=lambda part: ascii(part)[:40],
)
def test_what_can_t_be_run_is_refused_before_a_store_is_made(
    shell: Shell, arguments: list[str], exit_code: int, said: str
) -> None:
    target, *more = arguments
    ended = shell.run("run", f"work:{target}", *more)
    assert (ended.returncode, ended.stdout) == (exit_code, ""), ended.stderr
    assert f"error {said}" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1, "and no run, and no store, is named"
    assert list(shell.folder.glob("*.db*")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_interrupted_it_releases_the_run_and_the_same_id_goes_on(shell: Shell, number: signal.Signals) -> None:
    arguments = ["run", "work:long", "--id", "one"]
    child = shell.begin(*arguments)
    wait_until(shell, lambda seen: seen.steps > 0)
    child.send_signal(number)
    _, noted = child.communicate(timeout=10)
    assert child.returncode == 128 + number
    assert "stopped; the same command goes on with --id one" in noted
    assert "Traceback" not in noted
    assert see(shell).runs[0].status == "queued"
    (shell.folder / "go").touch()
    assert shell.run(*arguments).stdout == '"over"\n'
    assert (shell.folder / "effects").read_text() == "twice\n"


def test_told_twice_it_leaves_the_run_as_it_is_and_the_same_id_goes_on(shell: Shell) -> None:
    shell.write(
        "stubborn",
        """
import pathlib, time, perdure
app = perdure.App(lease_for=1.0)

@app.workflow
async def work(ctx: perdure.Context) -> str:
    return await ctx.step("busy", busy, in_doubt="retry")

def busy() -> str:
    if not pathlib.Path("begun").exists():
        pathlib.Path("begun").touch()
        time.sleep(60)
    return "done"
""",
    )
    arguments = ["run", "stubborn:work", "--id", "one"]
    child = shell.begin(*arguments)
    wait_until(shell, lambda _: (shell.folder / "begun").exists())
    began = time.monotonic()
    child.terminate()
    time.sleep(0.2)
    child.terminate()
    _, noted = child.communicate(timeout=10)
    assert time.monotonic() - began < 4  # the function goes on for a minute
    assert child.returncode == 143
    assert "the same command goes on with --id one" in noted
    assert "stopped" not in noted
    assert "Traceback" not in noted
    assert shell.run(*arguments).stdout == '"done"\n'


@pytest.mark.chaos
def test_killed_it_goes_on_with_the_same_id(shell: Shell) -> None:
    arguments = ["run", "work:long", "--id", "one"]
    child = shell.begin(*arguments)
    wait_until(shell, lambda seen: seen.steps > 0)
    child.kill()
    child.wait()
    (shell.folder / "go").touch()
    assert shell.run(*arguments).stdout == '"over"\n'
    assert (shell.folder / "effects").read_text() == "twice\n"

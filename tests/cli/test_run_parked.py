"""`perdure run` of a run whose code has changed ends with a sentence and an exit code of its own, and loses nothing."""

from __future__ import annotations

import subprocess

import pytest

from tests.cli.shell import Shell

pytestmark = pytest.mark.slow

BEFORE = """
from pathlib import Path
import perdure

app = perdure.App()

def twice(number: int) -> int:
    with Path("effects").open("a") as effects:
        effects.write("twice\\n")
    return 2 * number

async def killed() -> None:
    import os, signal
    if not Path("go").exists():
        os.kill(os.getpid(), signal.SIGKILL)

async def steps(ctx: perdure.Context, number: int) -> int:
    result = await ctx.step("twice", twice, number)
    await ctx.step("killed", killed)
    return result

@app.workflow
async def flow(ctx: perdure.Context, number: int) -> int:
    return await steps(ctx, number)

@app.workflow
async def parent(ctx: perdure.Context, number: int) -> int:
    child = await ctx.start(flow, number)
    return await child.result()

async def function(ctx: perdure.Context, number: int) -> int:
    return await steps(ctx, number)
"""

CHANGES = {
    "another step": ('ctx.step("twice", twice', 'ctx.step("thrice", twice', "at 0: the journal has logic 'twice'"),
    "another type": (
        ") -> int:\n    with",
        ") -> str:\n    with",
        "at 0: result of step 'twice' was recorded as a number",
    ),
    "an exception": (
        "    result = await",
        "    raise ImportError('new')\n    result = await",
        "raises ImportError: new",
    ),
}


def run(shell: Shell, target: str) -> subprocess.CompletedProcess[str]:
    return shell.run("run", f"work:{target}", "--input", "21", "--id", "one")


@pytest.mark.parametrize("target", ["flow", "function"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_parked_run_ends_the_command_and_goes_on_with_the_old_code(shell: Shell, target: str, change: str) -> None:
    shell.write("work", BEFORE)
    assert run(shell, target).returncode == -9
    old, new, said = CHANGES[change]
    shell.write("work", BEFORE.replace(old, new))
    for _ in range(2):
        ended = run(shell, target)
        assert (ended.returncode, ended.stdout) == (8, ""), ended.stderr
        assert "error run_parked run 'one' is parked:" in ended.stderr
        assert said in ended.stderr
        assert "`perdure runs show one`, or give it up with `perdure runs fail one`" in ended.stderr
    (shell.folder / "go").touch()
    shell.write("work", BEFORE)
    assert (run(shell, target).stdout, (shell.folder / "effects").read_text()) == ("42\n", "twice\n")


def test_a_parked_child_ends_the_command_of_the_run_that_waits_for_it(shell: Shell) -> None:
    shell.write("work", BEFORE)
    assert run(shell, "parent").returncode == -9
    shell.write("work", BEFORE.replace('ctx.step("twice", twice', 'ctx.step("thrice", twice'))
    ended = run(shell, "parent")
    assert (ended.returncode, ended.stdout) == (8, ""), ended.stderr
    assert "error run_parked run 'one' waits for run 'one/0', which is parked: at 0:" in ended.stderr, ended.stderr
    (shell.folder / "go").touch()
    shell.write("work", BEFORE)
    assert run(shell, "parent").stdout == "42\n"


def test_a_parked_run_that_is_not_waited_for_is_no_reason_to_end(shell: Shell) -> None:
    shell.write("work", BEFORE)
    assert run(shell, "flow").returncode == -9
    shell.write("work", BEFORE.replace('ctx.step("twice", twice', 'ctx.step("thrice", twice'))
    assert run(shell, "flow").returncode == 8
    (shell.folder / "go").touch()
    ended = shell.run("run", "work:flow", "--input", "4", "--id", "other")
    assert (ended.returncode, ended.stdout) == (0, "8\n"), ended.stderr


def test_the_code_of_a_run_that_has_completed_and_has_changed_since_is_told(shell: Shell) -> None:
    (shell.folder / "go").touch()
    shell.write("work", BEFORE)
    assert run(shell, "function").stdout == "42\n"
    shell.write("work", BEFORE.replace('ctx.step("twice", twice', 'ctx.step("thrice", twice'))
    ended = run(shell, "function")
    assert (ended.returncode, "error divergence at 0: the journal has logic 'twice'" in ended.stderr) == (8, True)

"""The names, their help, and what they cost before they do anything."""

import subprocess
import sys

import pytest

from perdure.cli.exits import EXITS, code_of
from perdure.errors import PerdureError
from tests.cli.shell import Shell

COMMANDS = [
    ["demo"],
    ["chat"],
    ["worker"],
    ["run"],
    ["doctor"],
    *(["runs", name] for name in ("list", "show", "resolve", "restart", "fail", "cancel")),
    *(["threads", name] for name in ("list", "show")),
    *(["store", name] for name in ("copy", "restore")),
]
HEAVY = {"pydantic_ai", "openai", "starlette", "uvicorn", "apsw", "rich.live"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does(shell: Shell, command: list[str]) -> None:
    ended = shell.run(*command, "--help")
    assert ended.returncode == 0
    assert " ".join(["Usage: perdure", *command]) in ended.stdout


def test_help_lists_every_command_and_loads_nothing_that_only_a_command_needs(shell: Shell) -> None:
    program = """
import sys
sys.argv = ["perdure", "--help"]
from perdure.cli import main
try:
    main()
except SystemExit:
    print("LOADED", *sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    page, _, loaded = said.partition("LOADED")
    assert {command[0] for command in COMMANDS} <= set(page.split())
    assert set(loaded.split()) & HEAVY == set()


def test_a_name_that_is_not_there_is_misuse(shell: Shell) -> None:
    ended = shell.run("talk")
    assert ended.returncode == 2
    assert "No such command" in ended.stderr


def test_the_version_is_that_of_the_package(shell: Shell) -> None:
    assert shell.run("--version").stdout.startswith("perdure 0.")


def every_error(of: type[PerdureError] = PerdureError) -> list[type[PerdureError]]:
    return [of, *(each for below in of.__subclasses__() for each in every_error(below))]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_every_error_has_an_exit_code(error: type[PerdureError]) -> None:
    code = code_of(error.__new__(error))
    assert code > 2
    assert code in {row.code for row in EXITS}


def test_an_exit_code_means_one_thing() -> None:
    codes = [row.code for row in EXITS]
    assert len(codes) == len(set(codes))

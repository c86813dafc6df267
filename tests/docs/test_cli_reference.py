"""The reference of the command line and of the settings is what the generator writes, and that is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.command_line import Command, walk
from docs.generate import FOLDER, pages
from perdure.app.settings import SETTINGS
from perdure.cli.commands import commands
from perdure.cli.exits import EXITS
from tests.cli.test_commands import COMMANDS

README = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
CLI = (FOLDER / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_generated_page_is_what_the_generator_writes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run: make docs"


def section(command: Command) -> str:
    heading = re.search(rf"^##+ {re.escape(command.words)}\n", CLI, re.MULTILINE)
    assert heading, command.words
    return CLI[heading.end() :].partition("\n#")[0]


def test_every_command_has_a_section() -> None:
    found = [command.words for command in walk(commands, "perdure") if command.callback is not None]
    assert sorted(found) == sorted(" ".join(["perdure", *words]) for words in COMMANDS)
    for command in walk(commands, "perdure"):
        assert command.help in section(command)


def test_a_section_has_every_argument_and_option_as_the_help_has_it() -> None:
    from typer.testing import CliRunner

    for command in walk(commands, "perdure"):
        if command.callback is None:
            continue
        page = CliRunner().invoke(commands, [*command.words.split()[1:], "--help"], env={"COLUMNS": "200"}).stdout
        helped = set(re.findall(r"^│ (?:\* )? *(--[a-z-]+)", page, re.MULTILINE)) - {"--help"}
        assert helped == set(re.findall(r"^\| `(--[a-z-]+)`", section(command), re.MULTILINE)), command.words
        usage = re.findall(r"\{(\S+)\}", page.partition("╭")[0])
        assert usage == re.findall(r"^\| `([A-Z:]+)` \|", section(command), re.MULTILINE), command.words


def test_every_exit_code_and_setting_has_a_row() -> None:
    assert re.findall(r"^\| (\d+) \|", CLI.partition("## Exit codes")[2], re.MULTILINE) == [str(e.code) for e in EXITS]
    settings = (FOLDER / "settings.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| (?:`(\S+)`)? \|", settings, re.MULTILINE) == [row[:2] for row in SETTINGS]


def test_the_readme_lists_every_command_with_its_arguments() -> None:
    said = [command for command in walk(commands, "perdure") if command.callback is not None]
    usages = {" ".join([command.words, *(metavar for metavar, _ in command.arguments)]) for command in said}
    listed = README.partition("## The command line\n")[2].partition("\n## ")[0]
    assert {line.partition("#")[0].strip() for line in listed.splitlines() if "#" in line} == usages

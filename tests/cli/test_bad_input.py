"""What can't be done is said in one line, with its code, before anything changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.shell import ASSISTANT, Shell, words

pytestmark = pytest.mark.slow

TWINS = "import perdure\napp = perdure.App(agents=[perdure.Agent('one'), perdure.Agent('one')])"
TWO = "import perdure\napp = perdure.App(agents=[perdure.Agent('one'), perdure.Agent('two')])"
UNDESCRIBED = (
    "import perdure\ndef tool(*words: str) -> str: ...\napp = perdure.App(agents=[perdure.Agent('one', tools=[tool])])"
)


def refused(shell: Shell, code: str, exit_code: int, *arguments: str) -> str:
    """The one line that says why, told from the line that says which store."""
    before = {path: path.stat().st_size for path in shell.folder.rglob("*") if path.suffix != ".pyc"}
    ended = shell.run(*arguments)
    lines = [line for line in ended.stderr.splitlines() if not line.startswith(("store ", "run "))]
    assert (ended.returncode, ended.stdout, len(lines)) == (exit_code, "", 1), ended.stderr
    assert lines[0].startswith(f"error {code} "), lines[0]
    after = {path for path in shell.folder.rglob("*") if path.suffix != ".pyc" and path.name != "__pycache__"}
    assert {path for path in after if path not in before} == set()
    return lines[0]


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "list"],
        ["runs", "show", "x"],
        ["runs", "resolve", "x", "0", "--again"],
        ["runs", "restart", "x"],
        ["runs", "cancel", "x"],
        ["threads", "list"],
        ["threads", "show", "x"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_looking_into_a_store_that_is_not_there_is_refused_and_makes_none(shell: Shell, command: list[str]) -> None:
    assert "there is no such file" in refused(shell, "store_url_invalid", 3, *command)


def test_an_unknown_store_url_is_refused(shell: Shell) -> None:
    assert "nothing in it" in refused(shell, "store_url_invalid", 3, "doctor", "--store", "memory:")
    assert "mysql" in refused(shell, "store_url_invalid", 3, "doctor", "--store", "mysql://x")


def test_a_folder_that_is_not_there_is_refused(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    url = f"sqlite:///{shell.folder}/not/there.db"
    assert "there is no folder" in refused(shell, "store_url_invalid", 3, "chat", "assistant:app", "--store", url)


def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(shell: Shell) -> None:
    path = shell.folder / "notes.txt"
    path.write_text("these are my notes, and they are no database at all, whatever the command says" * 20)
    refused(shell, "store_invalid", 9, "doctor", "--store", f"sqlite:///{path}")
    assert path.read_text().startswith("these are my notes")


def test_a_database_of_another_program_is_refused(shell: Shell) -> None:
    path = shell.folder / "theirs.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE mine (x)")
    theirs.close()
    refused(shell, "store_invalid", 9, "doctor", "--store", f"sqlite:///{path}")


def test_a_database_newer_than_the_code_is_refused(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    assert shell.run("chat", "assistant:app", "-m", "Weather in Oslo?").returncode == 0
    with sqlite3.connect(shell.folder / "perdure.db") as newer:
        newer.execute("PRAGMA user_version = 1000")
    newer.close()
    ended = shell.run("doctor")
    assert ended.returncode == 9
    assert "error store_too_new" in ended.stderr


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nowhere:app", "there is no module 'nowhere'"),
        ("assistant:nothing", "has no 'nothing'"),
        ("assistant:assistant", "is an Agent, not an App"),
        ("assistant:get_weather", "is a function that is not async, not an App"),
        ("assistant:perdure.Agent", "is the class Agent, not an App"),
    ],
)
def test_a_module_or_a_name_that_is_not_there_is_refused(shell: Shell, target: str, reason: str) -> None:
    shell.write("assistant", ASSISTANT)
    for command in ("chat", "worker"):
        assert reason in refused(shell, "setting_invalid", 3, command, target)


@pytest.mark.parametrize(
    ("module", "code", "exit_code"),
    [(TWINS, "name_taken", 3), (UNDESCRIBED, "tool_signature_invalid", 3), (TWO, "setting_invalid", 3)],
    ids=["two agents of one name", "a tool that can't be described", "several agents and none named"],
)
def test_a_module_that_can_t_be_used_is_refused(shell: Shell, module: str, code: str, exit_code: int) -> None:
    shell.write("wrong", module)
    refused(shell, code, exit_code, "chat", "wrong:app")


@pytest.mark.parametrize(
    ("module", "raised"),
    [
        ("import nothing_like_this", "No module named 'nothing_like_this'"),
        ("1 / 0", "ZeroDivisionError"),
        ("1 +", "SyntaxError"),
    ],
)
def test_what_the_module_itself_raises_is_shown_whole(shell: Shell, module: str, raised: str) -> None:
    shell.write("broken", module)
    ended = shell.run("chat", "broken:app")
    assert ended.returncode == 3, "a module that can't be used, and not 1: done, and wrong"
    assert raised in ended.stderr
    assert 'broken.py", line 1' in ended.stderr, "with where it was raised"


BROKEN = """
import perdure

class Broken(perdure.App):
    def worker(self, *args, **kwargs):
        raise KeyError("nobody\\nforesaw")

app = Broken()
"""


def test_what_nobody_foresaw_is_one_line_with_an_exit_code_of_its_own(shell: Shell) -> None:
    shell.write("broken", BROKEN)
    ended = shell.run("worker", "broken:app", "--store", "memory:")
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (70, "", 1), ended.stderr
    assert ended.stderr.startswith("error broken KeyError: ")
    assert "PERDURE_TRACEBACK=1 shows where" in ended.stderr


def test_the_traceback_of_what_nobody_foresaw_is_shown_where_the_environment_asks_for_it(shell: Shell) -> None:
    shell.write("broken", BROKEN)
    ended = shell.run("worker", "broken:app", "--store", "memory:", PERDURE_TRACEBACK="1")
    assert ended.returncode == 70
    assert "Traceback" in ended.stderr
    assert 'broken.py", line 6' in ended.stderr


@pytest.mark.parametrize(
    ("said", "about", "reason"),
    [
        (["runs", "list", "--status", "asleep"], "--status", "one of queued, running"),
        (["runs", "list", "--limit", "many"], "--limit", "integer"),
        (["runs", "resolve", "x", "0"], "--again, --failed, --value", "say one of them"),
        (["runs", "resolve", "x", "0", "--again", "--failed"], "--again, --failed, --value", "say one of them"),
        (["runs", "resolve", "x", "0", "--value", "{"], "--value", "no JSON"),
        (["run", "assistant:app", "--input", "{"], "--input", "no JSON"),
        (["run", "assistant"], "assistant", "write MODULE:NAME"),
        (["chat", ":app"], ":app", "write MODULE:APP"),
        (["worker", ".assistant:app"], ".assistant:app", "write MODULE:APP"),
        (["talk"], "talk", "No such command"),
    ],
    ids=lambda part: ascii(part)[:40],
)
def test_what_the_command_line_alone_shows_to_be_wrong_is_misuse(
    shell: Shell, said: list[str], about: str, reason: str
) -> None:
    ended = shell.run(*said)
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert about in words(ended.stderr)
    assert reason in words(ended.stderr)
    assert "Traceback" not in ended.stderr
    assert list(shell.folder.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ["chat", "assistant:app", "--message", "Hello?"],
        ["worker", "assistant:app"],
        ["run", "assistant:app"],
        ["runs", "list"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_an_empty_store_is_refused_and_does_not_count_as_not_given(shell: Shell, command: list[str]) -> None:
    shell.write("assistant", ASSISTANT)
    assert "--store: a store's URL may not be empty" in refused(shell, "setting_invalid", 3, *command, "--store", "")


def test_an_unknown_model_of_the_environment_is_refused_at_the_start(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    ended = shell.run("chat", "assistant:app", "-m", "Hello?", PERDURE_MODEL="nobody")
    assert ended.returncode == 3
    assert ended.stderr.count("nobody") == 1


def test_a_message_with_no_content_is_refused(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    assert "--message" in refused(shell, "message_empty", 4, "chat", "assistant:app", "-m", "  ")


def test_the_folder_of_a_demo_must_be_there(shell: Shell, tmp_path: Path) -> None:
    refused(shell, "setting_invalid", 3, "demo", "--folder", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("command", [["chat", "m:app", "-m", "Hi"], ["worker", "m:app"]], ids=" ".join)
def test_a_model_that_can_not_be_used_is_said_once_before_anything_is_made(shell: Shell, command: list[str]) -> None:
    declared = "import perdure\napp = perdure.App(agents=[perdure.Agent('one', model={!r})])"
    shell.write("m", declared.format("opnai:gpt-5"))
    assert "did you mean openai:gpt-5?" in refused(shell, "model_unknown", 3, *command)
    shell.write("m", declared.format("anthropic:claude"))
    assert "ANTHROPIC_API_KEY" in refused(shell, "setting_invalid", 3, *command)


IMPORTING = {
    "it raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "what it imports raises": ("import inner", "ZeroDivisionError: division by zero"),
    "what it imports is not there": ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
    "a function of it raises": ("def f():\n    return 1 / 0\nf()", "ZeroDivisionError: division by zero"),
    "it is no Python": ("def f(:", "SyntaxError: invalid syntax"),
}


@pytest.mark.parametrize(("code", "says"), IMPORTING.values(), ids=IMPORTING)
@pytest.mark.parametrize("command", ["chat", "worker", "run"])
def test_what_a_module_raises_while_it_is_imported_begins_with_the_module_itself(
    shell: Shell, command: str, code: str, says: str
) -> None:
    shell.write("outer", code)
    shell.write("inner", "1 / 0")
    ended = shell.run(command, "outer:app")
    assert ended.returncode == 3
    assert says in ended.stderr
    files = [line.split('"')[1] for line in ended.stderr.splitlines() if line.lstrip().startswith('File "')]
    assert files[0] == str(shell.folder / "outer.py")
    assert {Path(file).parent for file in files} == {shell.folder}

"""`perdure threads`: conversations, as a list and one by one."""

import pytest

from tests.cli.shell import ASSISTANT, Shell
from tests.cli.watching import see

pytestmark = pytest.mark.slow


def test_threads_are_listed_with_their_turns_and_status(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    for thread in ("first", "second"):
        shell.run("chat", "assistant:app", "--new", "--thread", thread, "-m", "Weather in Oslo?")
    lines = shell.run("threads", "list").stdout.splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["thread", "agent", "status", "turns"],
        ["second", "assistant", "completed", "1"],
        ["first", "assistant", "completed", "1"],
    ]
    assert len(shell.run("threads", "list", "--agent", "nobody").stdout.splitlines()) == 0


def test_a_thread_is_shown_as_its_messages_with_their_tool_calls(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    shell.run("chat", "assistant:app", "--new", "--thread", "first", "-m", "Weather in [bold]Oslo?")
    said = shell.run("threads", "show", "first").stdout
    messages = said.partition("\n\n")[2]
    assert [line.strip() for line in messages.splitlines() if line] == [
        "user",
        "Weather in [bold]Oslo?",
        "assistant",
        '✓ get_weather(city="Oslo")  14 °C and rain in Oslo',
        "14 °C and rain in Oslo",
    ]


@pytest.mark.parametrize(
    "command",
    [["threads", "show", "first"], ["threads", "list"], ["runs", "list"], ["runs", "show"], ["doctor"]],
    ids=" ".join,
)
def test_lines_in_a_pipe_end_where_their_words_end(shell: Shell, command: list[str]) -> None:
    shell.write("assistant", ASSISTANT)
    said = "Weather in Oslo?\n" + "and a longer line " * 9
    shell.run("chat", "assistant:app", "--new", "--thread", "first", "-m", said)
    run = [see(shell).runs[0].run_id] if command == ["runs", "show"] else []
    lines = shell.run(*command, *run).stdout.splitlines()
    assert len(lines) > 1
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_thread_that_is_not_there_is_refused(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    shell.run("chat", "assistant:app", "-m", "Weather in Oslo?")
    ended = shell.run("threads", "show", "x")
    assert (ended.returncode, "error thread_not_found no thread 'x'" in ended.stderr) == (5, True)

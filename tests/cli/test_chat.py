"""`perdure chat`: the conversation goes on, whatever happens to the process."""

from __future__ import annotations

import signal

import pytest

from perdure.core.messages import TextPart
from tests.cli.shell import ASSISTANT, SLOW, Shell, wait_for, words
from tests.cli.watching import see, wait_until

pytestmark = pytest.mark.slow

ANSWER = "14 °C and rain in Oslo, " + " ".join(f"word{number}" for number in range(40))


def test_the_answer_is_on_stdout_and_everything_else_is_not(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    ended = shell.run("chat", "assistant:app", "--message", "Weather in Oslo?")
    assert (ended.returncode, ended.stdout) == (0, "14 °C and rain in Oslo\n")
    assert "store sqlite:///perdure.db" in ended.stderr
    assert '… get_weather(city="Oslo")' in ended.stderr, "the call, as it runs"
    assert '✓ get_weather(city="Oslo")  14 °C and rain in Oslo' in ended.stderr, "and its result, when it ends"


def test_the_store_of_the_option_comes_before_the_setting_and_the_setting_before_the_default(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    said = ["chat", "assistant:app", "-m", "Weather in Oslo?"]
    shell.run(*said, PERDURE_STORE="sqlite:///setting.db")
    shell.run(*said, "--store", "sqlite:///option.db", PERDURE_STORE="sqlite:///setting.db")
    assert {path.name for path in shell.folder.glob("*.db")} == {"setting.db", "option.db"}


def test_it_goes_on_with_the_newest_thread_unless_told_otherwise(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    for more in ([], [], ["--new"], ["--thread", "mine", "--new"], ["--thread", "mine"]):
        assert shell.run("chat", "assistant:app", "-m", "Weather in Oslo?", *more).returncode == 0
    assert [thread.turn for thread in see(shell).threads] == [2, 1, 2]


def test_a_thread_that_is_not_there_is_refused_with_how_to_begin_it(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    shell.run("chat", "assistant:app", "-m", "Weather in Oslo?")
    ended = shell.run("chat", "assistant:app", "--thread", "nowhere")
    assert ended.returncode == 5
    assert "error thread_not_found no thread 'nowhere'; to begin it, add --new" in ended.stderr


def test_a_thread_of_a_store_that_is_not_there_is_refused_and_makes_none(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    ended = shell.run("chat", "assistant:app", "--thread", "nowhere")
    assert ended.returncode == 3
    assert "there is no such file" in ended.stderr
    assert "add --new" in ended.stderr
    assert list(shell.folder.glob("*.db*")) == []


def test_a_new_thread_has_the_id_that_is_given_and_is_refused_where_it_is_taken(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    begin = ["chat", "assistant:app", "--new", "--thread", "mine", "-m", "Weather in Oslo?"]
    assert shell.run(*begin).returncode == 0
    assert [(thread.thread_id, thread.turn) for thread in see(shell).threads] == [("mine", 1)]
    ended = shell.run(*begin)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "error input_invalid --thread: there is a thread 'mine' already" in ended.stderr
    assert [(thread.thread_id, thread.turn) for thread in see(shell).threads] == [("mine", 1)]


def test_an_empty_thread_is_refused_and_does_not_count_as_not_given(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    for more in ([], ["--new"]):
        ended = shell.run("chat", "assistant:app", "--thread", "", *more)
        assert (ended.returncode, "error id_invalid --thread: " in ended.stderr) == (4, True)
    assert list(shell.folder.glob("*.db*")) == []


def test_lines_of_a_pipe_are_messages_until_it_ends(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    ended = shell.run("chat", "assistant:app", stdin="Weather in Oslo?\n\nAnd in Bergen?\n")
    assert ended.returncode == 0
    assert ended.stdout.splitlines() == ["14 °C and rain in Oslo", "14 °C and rain in Bergen"]


def test_what_was_said_before_is_shown_at_the_start(shell: Shell) -> None:
    shell.write("assistant", ASSISTANT)
    shell.run("chat", "assistant:app", "-m", "Weather in Oslo?")
    ended = shell.run("chat", "assistant:app")
    assert ended.stdout == ""
    assert [line.strip() for line in ended.stderr.splitlines()[3:]] == [
        "user",
        "Weather in Oslo?",
        "assistant",
        '✓ get_weather(city="Oslo")  14 °C and rain in Oslo',
        "14 °C and rain in Oslo",
    ]


@pytest.mark.chaos
def test_a_chat_killed_in_mid_answer_goes_on_where_it_was(shell: Shell) -> None:
    shell.write("slow", SLOW)
    child = shell.begin("chat", "slow:app", "-m", "Weather in Oslo?")
    wait_until(shell, lambda seen: len(seen.words.split()) > 4)
    child.kill()
    child.wait()
    left = see(shell)
    assert 0 < len(left.words) < len(ANSWER)
    ended = shell.run("chat", "slow:app")
    assert ended.returncode == 0
    assert ended.stdout == f"{ANSWER}\n", "the whole folded text, once"
    assert "it goes on where it was" in ended.stderr
    seen = see(shell)
    assert [message.role for message in seen.messages] == ["user", "assistant"]
    assert seen.messages[-1].text == seen.words == ANSWER
    assert any(chunk.kind == "start" and (chunk.attempt or 0) > 1 for chunk in seen.chunks), "the answer was begun anew"


AT_ONCE = SLOW.replace('"pace": 0.04', '"pace": 0.0')


@pytest.mark.chaos
@pytest.mark.parametrize("next_start", [SLOW, AT_ONCE], ids=["as it is written", "ended by the time it is looked at"])
def test_an_answer_that_was_being_written_at_a_kill_is_on_the_terminal_after_the_next_start(
    shell: Shell, next_start: str
) -> None:
    shell.write("slow", SLOW)
    terminal = shell.begin_at_terminal("chat", "slow:app")
    wait_for(lambda: words(terminal.drawn).endswith(">"))
    terminal.type("Weather in Oslo?")
    wait_for(lambda: terminal.shows("word7"))
    terminal.kill()
    assert not terminal.shows("word39")
    shell.write("slow", next_start)
    again = shell.begin_at_terminal("chat", "slow:app")
    wait_for(lambda: again.shows(ANSWER))
    wait_for(lambda: words(again.drawn).endswith(">"))
    assert words(again.drawn).index("Weather in Oslo?") < words(again.drawn).index(ANSWER)


@pytest.mark.chaos
def test_a_message_is_answered_after_what_had_been_interrupted_even_where_that_ended_at_once(shell: Shell) -> None:
    shell.write("slow", SLOW)
    child = shell.begin("chat", "slow:app", "-m", "Weather in Oslo?")
    wait_until(shell, lambda seen: bool(seen.words))
    child.kill()
    child.wait()
    shell.write("slow", AT_ONCE)
    ended = shell.run("chat", "slow:app", "-m", "And in Bergen?")
    assert ended.stdout == f"{ANSWER}\n{ANSWER.replace('Oslo', 'Bergen')}\n"
    assert "Weather in Oslo?" in ended.stderr, "what the first of the two answers"


@pytest.mark.chaos
def test_a_message_waits_for_what_had_been_interrupted(shell: Shell) -> None:
    shell.write("slow", SLOW)
    child = shell.begin("chat", "slow:app", "-m", "Weather in Oslo?")
    wait_until(shell, lambda seen: bool(seen.words))
    child.kill()
    child.wait()
    ended = shell.run("chat", "slow:app", "-m", "And in Bergen?")
    assert ended.stdout == f"{ANSWER}\n{ANSWER.replace('Oslo', 'Bergen')}\n"


def test_ctrl_c_stops_the_answer_and_keeps_what_was_said(shell: Shell) -> None:
    shell.write("slow", SLOW)
    child = shell.begin("chat", "slow:app", "-m", "Weather in Oslo?")
    wait_until(shell, lambda seen: len(seen.words.split()) > 4)
    child.send_signal(signal.SIGINT)
    said, noted = child.communicate(timeout=10)
    assert child.returncode == 130
    assert "(stopped)" in noted
    seen = see(shell)
    assert seen.threads[0].status == "stopped"
    assert seen.threads[0].reason == "stopped in the terminal"
    reply = seen.messages[-1]
    assert reply.status == "stopped"
    assert isinstance(reply.parts[-1], TextPart)
    assert 0 < len(reply.text) < len(ANSWER)
    assert said == f"{reply.text}\n", "what is shown is what is kept"


UNRESPONSIVE = """
import asyncio, perdure

async def dig(where: str) -> str:
    "Dig."
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

app = perdure.App(agents=[perdure.Agent("digger", tools=[dig])])
"""


def test_a_second_ctrl_c_leaves_at_once_however_unresponsive_a_tool_is(shell: Shell) -> None:
    shell.write("unresponsive", UNRESPONSIVE)
    child = shell.begin("chat", "unresponsive:app", "-m", "Dig where Oslo is")
    wait_until(shell, lambda seen: any(chunk.kind == "tool_call" for chunk in seen.chunks))
    child.send_signal(signal.SIGINT)
    wait_until(shell, lambda seen: seen.runs[0].status == "cancelling")
    child.send_signal(signal.SIGINT)
    _, noted = child.communicate(timeout=10)
    assert child.returncode == 130
    assert "left; the next start goes on where it was" in noted
    assert "Traceback" not in noted


TWO = "import perdure\napp = perdure.App(agents=[perdure.Agent('one'), perdure.Agent('two')])"


def test_a_thread_of_another_agent_is_refused_with_both_agents(shell: Shell) -> None:
    shell.write("two", TWO)
    assert shell.run("chat", "two:app", "--agent", "one", "--new", "--thread", "t", "-m", "Hello?").returncode == 0
    ended = shell.run("chat", "two:app", "--agent", "two", "--thread", "t", "-m", "Hello?")
    assert (ended.returncode, ended.stdout) == (5, "")
    assert "error thread_mismatch thread 't' is of agent 'one', not of 'two'" in ended.stderr
    assert [(thread.agent, thread.turn) for thread in see(shell).threads] == [("one", 1)]


def test_an_agent_among_several_is_named(shell: Shell) -> None:
    shell.write("two", TWO)
    assert shell.run("chat", "two:app", "--agent", "two", "-m", "Who are you?").returncode == 0
    assert see(shell).threads[0].agent == "two"
    ended = shell.run("chat", "two:app", "--agent", "three")
    assert (ended.returncode, "error name_unknown" in ended.stderr) == (3, True)

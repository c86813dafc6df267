"""What is shown of a turn, and what is taken back."""

from __future__ import annotations

import io

from rich.console import Console

from perdure.cli.turn_view import TurnView
from perdure.core.chunks import Chunk


def text(words: str, seq: int) -> Chunk:
    return Chunk(kind="text", text=words, part=0, seq=seq, from_seq=seq)


class Screen:
    """A view on a console of its own; `said` and `noted` are what was written."""

    def __init__(self, *, is_terminal: bool) -> None:
        self._out, self._notes = io.StringIO(), io.StringIO()
        out = Console(file=self._out, force_terminal=is_terminal, width=60, height=20, highlight=False)
        self.view = TurnView(out, Console(file=self._notes, width=200))

    @property
    def said(self) -> str:
        return self._out.getvalue()

    @property
    def noted(self) -> str:
        return self._notes.getvalue()


def test_in_a_pipe_only_what_has_committed_is_written() -> None:
    screen = Screen(is_terminal=False)
    with screen.view as view:
        view.feed(text("Wrong ", 2))
        assert screen.said == ""
        view.feed(Chunk(kind="reset", seq=3, from_seq=1))
        view.feed(text("Right ", 5))
        view.feed(text("so.", 6))
        assert screen.said == ""
        view.feed(Chunk(kind="step_end", seq=7, from_seq=7))
    assert screen.said == "Right so.\n"


def test_a_reset_takes_back_no_more_than_it_supersedes() -> None:
    screen = Screen(is_terminal=False)
    with screen.view as view:
        view.feed(text("Kept. ", 2))
        view.feed(text("Gone.", 3))
        view.feed(Chunk(kind="reset", seq=4, from_seq=3))
        view.feed(Chunk(kind="finish", finish_reason="stop", seq=5, from_seq=5))
    assert screen.said == "Kept. \n"


def test_a_chunk_takes_back_what_it_supersedes_where_no_reset_is_read() -> None:
    screen = Screen(is_terminal=False)
    with screen.view as view:
        view.feed(text("Wrong ", 1))
        view.feed(Chunk(kind="text", text="Right ", part=0, seq=3, from_seq=1))
        view.feed(text("so.", 4))
        view.feed(Chunk(kind="step_end", seq=5, from_seq=5))
    assert screen.said == "Right so.\n"


def test_what_another_lane_says_is_not_taken_back() -> None:
    screen = Screen(is_terminal=False)
    with screen.view as view:
        view.feed(Chunk(kind="text", text="One. ", part=0, lane="0", seq=1, from_seq=1))
        view.feed(Chunk(kind="text", text="Gone.", part=1, lane="1", seq=2, from_seq=1))
        view.feed(Chunk(kind="text", text="Two.", part=0, lane="0", seq=3, from_seq=2))
        view.feed(Chunk(kind="reset", lane="1", seq=4, from_seq=1))
        view.feed(Chunk(kind="finish", finish_reason="stop", seq=5, from_seq=5))
    assert screen.said == "One. Two.\n"


def test_on_a_terminal_words_show_at_once_and_what_is_taken_back_is_struck_out() -> None:
    screen = Screen(is_terminal=True)
    with screen.view as view:
        view.feed(text("Wrong words", 2))
        assert view.words == "Wrong words"
        view.feed(Chunk(kind="reset", seq=3, from_seq=1))
        assert view.words == ""
        assert "\x1b[2;9mWrong words" in screen.said
        view.feed(text("Right", 5))
        view.feed(Chunk(kind="step_end", seq=6, from_seq=6))
    assert "Right" in screen.said.rpartition("Wrong words")[2]


def test_a_tool_call_shows_while_it_runs_and_with_its_result_or_its_error() -> None:
    screen = Screen(is_terminal=False)
    call = Chunk(kind="tool_call", part=0, tool="add", arguments='{"a":1,"b":"x"}', seq=1, from_seq=1)
    with screen.view as view:
        view.feed(call)
        assert screen.noted == '… add(a=1, b="x")\n'
        view.feed(Chunk(kind="tool_result", part=0, tool="add", output=3, seq=2, from_seq=2))
        view.feed(call)
        view.feed(Chunk(kind="tool_result", part=0, tool="add", error="no", seq=4, from_seq=4))
    assert screen.noted.splitlines()[1::2] == ['✓ add(a=1, b="x")  3', '✗ add(a=1, b="x")  no']


def test_nothing_that_a_model_says_is_read_as_markup() -> None:
    screen = Screen(is_terminal=False)
    with screen.view as view:
        view.feed(Chunk(kind="tool_call", part=0, tool="[red]x", arguments="[/]", seq=1, from_seq=1))
        view.feed(text("[bold]as it is[/]", 2))
        view.feed(Chunk(kind="step_end", seq=3, from_seq=3))
    assert screen.said == "[bold]as it is[/]\n"
    assert screen.noted == "… [red]x([/])\n"


def test_a_chunk_of_a_later_version_is_passed_over() -> None:
    screen = Screen(is_terminal=False)
    with screen.view as view:
        view.feed(Chunk(kind="hologram", data={"kind": "hologram"}, seq=1, from_seq=1))
    assert (screen.said, screen.noted) == ("", "")


def test_an_answer_higher_than_the_terminal_is_written_whole_in_the_end() -> None:
    screen = Screen(is_terminal=True)
    lines = [f"line{number}" for number in range(50)]
    with screen.view as view:
        view.feed(text("\n\n".join(lines), 2))
        view.feed(Chunk(kind="step_end", seq=3, from_seq=3))
    assert all(line in screen.said for line in lines)


def test_an_answer_that_its_provider_cut_off_is_said_to_be_one() -> None:
    screen = Screen(is_terminal=False)
    with screen.view as view:
        view.feed(text("14 °C and", 2))
        view.feed(Chunk(kind="finish", finish_reason="length", seq=3, from_seq=3))
    assert "(cut off: length)" in screen.noted

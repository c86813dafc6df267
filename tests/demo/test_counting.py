"""What is counted: each number can be other than what a demo hopes for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from perdure.core.chunks import Chunk
from perdure.core.fold import Fold
from perdure.core.messages import Message, Part, TextPart, ToolCallPart
from perdure.core.records import StepRecord
from perdure.demo.counting import Tally, differences, reruns
from perdure.demo.ledger import Execution

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def line(what: str, token: int, seconds: float, position: str = "1.0.0") -> Execution:
    return Execution(
        what="start" if what == "start" else "end",
        name="search_text",
        run_id="r",
        position=position,
        token=token,
        attempt=1,
        key="k",
        pid=token,
        at=at(seconds),
    )


def step(committed: float | None) -> StepRecord:
    status = "running" if committed is None else "completed"
    ended = None if committed is None else at(committed).timestamp()
    return StepRecord(position="1.0.0", name="search_text", status=status, started=NOW.timestamp(), completed=ended)


def test_an_execution_after_the_commit_of_its_step_is_a_rerun() -> None:
    ledger = [line("start", 1, 1), line("end", 1, 2), line("start", 3, 4)]
    assert reruns([step(2.1)], ledger) == [ledger[2]]


def test_an_execution_that_was_killed_before_its_commit_may_run_again() -> None:
    killed_inside = [line("start", 1, 1), line("start", 3, 4), line("end", 3, 5)]
    killed_before_its_commit = [line("start", 1, 1), line("end", 1, 2), line("start", 3, 4), line("end", 3, 5)]
    assert reruns([step(5.1)], killed_inside) == []
    assert reruns([step(5.1)], killed_before_its_commit) == []


def test_a_step_that_never_committed_was_not_run_again() -> None:
    assert reruns([step(None)], [line("start", 1, 1), line("start", 3, 4)]) == []


def test_another_step_s_executions_do_not_count() -> None:
    assert reruns([step(2.1)], [line("start", 1, 1), line("end", 1, 2), line("start", 3, 4, "1.1.0")]) == []


def message(*parts: Part) -> Message:
    return Message(message_id="m", thread_id="t", turn=1, role="assistant", parts=parts, created_at=NOW)


def held(*texts: str, first: int = 1) -> Fold:
    chunks = (
        Chunk(kind="text", part=0, text=text, seq=seq, from_seq=seq, at=seq, after=seq - 1)
        for seq, text in enumerate(texts, first)
    )
    return Fold().add_all(chunks)


def test_a_reader_that_holds_the_message_has_no_gap_and_no_duplicate() -> None:
    assert differences(held("one ", "two ", "three"), message(TextPart(text="one two three"))) == (0, 0)


def test_missing_words_are_gaps_and_words_too_many_are_duplicates() -> None:
    whole = message(TextPart(text="one two three"))
    assert differences(held("one ", "three"), whole) == (1, 0)
    assert differences(held("one ", "two ", "two ", "three"), whole) == (0, 1)
    assert differences(held("one ", "2 ", "three"), whole) == (1, 1)


def test_a_gap_in_the_seqs_counts_though_no_word_is_missing() -> None:
    assert differences(held("one", first=3), message(TextPart(text="one"))) == (1, 0)


def test_what_a_superseded_attempt_said_is_a_duplicate_unless_it_is_taken_back() -> None:
    whole = message(TextPart(text="right"))
    fold = held("wrong ", "right")
    assert differences(fold, whole) == (0, 1)
    taken_back = held("wrong ")
    taken_back.add(Chunk(kind="reset", seq=2, from_seq=1, at=2, after=1))
    taken_back.add(Chunk(kind="text", part=0, text="right", seq=3, from_seq=3, at=3, after=2))
    assert differences(taken_back, whole) == (0, 0)


def test_the_input_of_a_tool_counts_as_well() -> None:
    whole = message(ToolCallPart(call_id="c", tool="add", arguments='{"a": 1}'))
    said = Chunk(kind="tool_input", part=0, text='{"a": ', seq=1, from_seq=1)
    assert differences(Fold().add_all([said]), whole) == (1, 0)


RIGHT = Tally(
    kills=3,
    turn_status="completed",
    reports_sent=1,
    committed_steps_rerun=0,
    stream_gaps=0,
    stream_duplicates=0,
    messages=1,
    elapsed_s=1.0,
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kills": 2},
        {"turn_status": "failed"},
        {"reports_sent": 0},
        {"reports_sent": 2},
        {"committed_steps_rerun": 1},
        {"stream_gaps": 1},
        {"stream_duplicates": 1},
        {"messages": 2},
    ],
    ids=str,
)
def test_a_tally_is_right_only_where_nothing_was_lost_and_nothing_happened_twice(wrong: dict[str, int | str]) -> None:
    assert RIGHT.is_right(3)
    assert not msgspec.structs.replace(RIGHT, **wrong).is_right(3)

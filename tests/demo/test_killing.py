"""When to kill, decided from what can be seen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from perdure.core.ids import derived_random
from perdure.core.suspicion import POISONED_AT, SUSPECT_AT
from perdure.demo.killing import Killer, Landing, Sight, Where
from perdure.demo.ledger import Execution
from perdure.demo.tools import REPORT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOOL_FOR = 0.4


def killer(kills: int, seed: int = 1) -> Killer:
    return Killer(kills, derived_random(str(seed).encode()), TOOL_FOR)


def execution(name: str) -> Execution:
    return Execution(what="start", name=name, run_id="r", position="1", token=1, attempt=1, key="k", pid=1, at=NOW)


def in_report() -> Sight:
    return Sight(inside=(execution(REPORT),), inside_for=TOOL_FOR, working_for=0.0)


def in_answer(ended: int = 0) -> Sight:
    return Sight(words=100, working_for=0.0, ended=ended)


def any_time(ended: int = 0) -> Sight:
    return Sight(working_for=100.0, ended=ended)


def kill(by: Killer, sight: Sight, where: Where) -> None:
    """A kill that is due at a sight, and lands where it does."""
    place = by.due(sight)
    assert place is not None
    by.landed(Landing(number=1, pid=1, where=where, what="", seq=1), sight, place)


def test_without_kills_nothing_is_due() -> None:
    assert not any(killer(0).due(sight) for sight in (in_report(), in_answer(), any_time()))


def test_a_worker_that_has_not_begun_is_left_alone() -> None:
    assert killer(5).due(Sight(words=100, working_for=None)) is None


def test_one_kill_is_kept_for_a_tool_and_one_for_the_answer() -> None:
    both = killer(2)
    assert both.due(any_time()) is None, "both are meant for a place"
    assert (both.due(in_report()), both.due(in_answer())) == ("tool", "answer")
    kill(both, in_report(), "tool")
    assert (both.due(in_report()), both.due(in_answer())) == (None, "answer")
    kill(both, in_answer(), "answer")
    assert not any(both.due(sight) for sight in (in_report(), in_answer(), any_time()))


def test_a_single_kill_is_meant_for_the_answer() -> None:
    assert (killer(1).due(in_report()), killer(1).due(in_answer())) == (None, "answer")


def test_other_kills_come_at_any_time() -> None:
    three = killer(3)
    kill(three, any_time(), "elsewhere")
    assert three.due(any_time()) is None, "the two that are left are meant for a place"


def test_a_kill_that_missed_its_place_is_meant_for_it_again_though_it_be_one_more() -> None:
    one = killer(1)
    kill(one, in_answer(), "elsewhere")
    kill(one, in_answer(), "answer")
    assert one.due(in_answer()) is None


def test_no_kill_comes_after_the_last_one_for_a_place_that_one_landed_in_by_chance() -> None:
    three = killer(3)
    for where in ("tool", "answer", "elsewhere"):
        kill(three, in_answer(), where)
    assert three.due(in_report()) is None


def test_a_place_that_is_always_missed_is_given_up() -> None:
    one = killer(1)
    for ended in range(4):
        kill(one, in_answer(ended), "elsewhere")
    assert one.due(in_answer(5)) is None


def test_a_kill_that_would_poison_the_run_waits_for_progress() -> None:
    many = killer(12)
    for _ in range(SUSPECT_AT + POISONED_AT - 1):
        kill(many, any_time(), "elsewhere")
    assert many.due(any_time()) is None
    assert many.due(any_time(ended=1)) == "elsewhere"


def test_when_the_answer_has_begun_no_kill_is_kept_for_a_tool_that_will_not_come() -> None:
    three = killer(3)
    kill(three, any_time(), "tool")
    kill(three, in_answer(), "answer")
    assert three.due(in_answer()) == "elsewhere"


@pytest.mark.parametrize("seed", range(20))
def test_the_same_seed_draws_the_same_moments(seed: int) -> None:
    sights = [Sight(working_for=step / 10, words=step) for step in range(40)]
    one, other = killer(5, seed), killer(5, seed)
    assert [one.due(sight) for sight in sights] == [other.due(sight) for sight in sights]

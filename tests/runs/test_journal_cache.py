"""Journals that a process keeps of what it has suspended take no more memory than they may, however many there are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from perdure.core.records import EventRecord, Journal, RunRecord, StepRecord
from perdure.runs.journal_cache import JournalCache

RUNS = 6_000
MAX_BYTES = 2_000_000
AT = datetime(2026, 1, 1, tzinfo=UTC)


def run(number: int, token: int = 1, inbox: int = 0) -> RunRecord:
    return RunRecord(
        run_id=f"the run {number:06} of very many",
        workflow="f",
        status="suspended",
        manifest_hash="h",
        seed="s",
        token=token,
        inbox=inbox,
        created_at=AT,
        updated_at=AT,
    )


def steps(number: int, many: int, result: bytes) -> Journal:
    made = (
        StepRecord(
            position=f"{number}.{one}",
            number=one,
            name=f"step {one} of {number}",
            status="completed",
            result=result + str(number).encode(),
            started=1.8e9 + number,
            completed=1.8e9 + one,
        )
        for one in range(many)
    )
    return Journal(tuple(made), (), 0, 0)


def events(number: int, many: int) -> Journal:
    made = (
        EventRecord(
            run_id=f"run {number}",
            key=f"event:{number}.{one}",
            seq=one + 1,
            payload=str(number).encode() * 3,
            emitted_at=datetime.fromtimestamp(1.8e9 + number, UTC),
            emit_id=f"emit {number}.{one}",
        )
        for one in range(many)
    )
    return Journal((), tuple(made), many, 0)


KINDS: dict[str, Callable[[int], Journal]] = {
    "empty": lambda _: Journal((), (), 0, 0),
    "a step": lambda number: steps(number, 1, b"1"),
    "ten steps": lambda number: steps(number, 10, b"1"),
    "a large step": lambda number: steps(number, 1, b"x" * 5_000),
    "an event": lambda number: events(number, 1),
    "ten events": lambda number: events(number, 10),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_of_very_many_runs_is_within_its_bound(kind: str) -> None:
    make, cache = KINDS[kind], JournalCache(MAX_BYTES)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(RUNS):
            cache.keep(run(number), make(number))
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held <= MAX_BYTES


def test_an_empty_journal_is_read_again_which_costs_no_more_than_what_is_new() -> None:
    cache = JournalCache()
    cache.keep(run(1), Journal((), (), 0, 0))
    assert cache.take(run(1, token=2)) is None


def test_a_journal_is_known_to_the_next_claim_only() -> None:
    cache, journal = JournalCache(), steps(1, 3, b"1")
    cache.keep(run(1), journal)
    assert cache.take(run(1, token=2)) == journal
    assert cache.take(run(1, token=2)) is None
    cache.keep(run(1), journal)
    assert cache.take(run(1, token=3)) is None


def test_the_longest_journal_that_is_kept_is_within_the_bound_of_all() -> None:
    cache, journal = JournalCache(), steps(1, 5_000, b"x" * 1_024)
    cache.keep(run(1), journal)
    assert cache.take(run(1, token=2)) == journal

"""The tests of runs can fail: each broken executor is caught by the test whose promise it breaks."""

from __future__ import annotations

import asyncio

import pytest

from tests.broken.executors import attempts
from tests.broken.executors.registry import BROKEN_EXECUTORS, CAUGHT, Breaking, Promise, run_promise

MODULES = (attempts,)
CASES = [(broken.breaking, promise) for broken in BROKEN_EXECUTORS for promise in broken.caught_by]


def name_of(promise: object) -> str:
    return getattr(getattr(promise, "func", promise), "__name__", "?")


@pytest.mark.parametrize(("breaking", "promise"), CASES, ids=[f"{b.__name__}-{name_of(p)}" for b, p in CASES])
async def test_a_broken_executor_is_caught(
    breaking: Breaking, promise: Promise, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        breaking(patch)
        with pytest.raises((*CAUGHT, asyncio.CancelledError)):
            await run_promise(promise)


@pytest.mark.parametrize("promise", [promise for _, promise in CASES], ids=name_of)
async def test_a_whole_executor_passes_what_catches_a_broken_one(promise: Promise) -> None:
    await run_promise(promise)


def test_each_broken_executor_says_what_it_breaks() -> None:
    assert [broken.breaking.__name__ for broken in BROKEN_EXECUTORS if not broken.breaking.__doc__] == []
    assert {broken.breaking.__module__ for broken in BROKEN_EXECUTORS} == {module.__name__ for module in MODULES}

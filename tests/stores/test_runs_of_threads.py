"""A thread's runs and turns, found without an index of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perdure.core.messages import Message, TextPart
from perdure.core.operations import DeleteRun, StartTurn
from perdure.core.records import TOMBSTONE_FOR
from perdure.core.threads import TurnRef
from perdure.errors import RunInputMismatch
from perdure.stores import open_store
from perdure.stores.port import EVERY_TENANT
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness
from tests.stores.dying_workers import let_die


@pytest.fixture(params=["memory", "sqlite"])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreHarness]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/perdure.db"
    clock = ManualClock()
    harness = StoreHarness(await open_store(url, clock=clock), url, "", open_store, clock, let_die)
    yield harness
    await harness.close()


def turn(harness: StoreHarness, run_id: str, thread_id: str = "thread", *, messages: bool = True) -> StartTurn:
    """A turn of a user's message and the reply."""
    roles: tuple[Any, ...] = ("user", "assistant") if messages else ()
    made = tuple(
        Message(
            message_id=f"{run_id}.{role}",
            thread_id=thread_id,
            turn=0,
            role=role,
            parts=(TextPart(text="hello"),),
            created_at=harness.at,
        )
        for role in roles
    )
    run = harness.create(run_id)
    return StartTurn(tenant=harness.tenant, thread_id=thread_id, run=run, messages=made)


async def ids(harness: StoreHarness, tenant: Any, **wanted: Any) -> list[str]:
    return [run.run_id for run in await harness.store.runs.list(tenant=tenant, thread_id="thread", **wanted)]


async def test_the_runs_of_a_thread_are_those_of_its_turns_and_those_that_name_it(harness: StoreHarness) -> None:
    for tenant in (None, "a", "b"):
        harness.tenant = tenant
        for thread in ("thread", "other"):
            await harness.thread(thread)
        for number in range(3):
            harness.advance(1)
            run_id = f"{tenant}{number}"
            await harness.do(turn(harness, run_id))
            await harness.ended(run_id)
        harness.advance(1)
        await harness.do(turn(harness, f"{tenant} elsewhere", "other"))
        beside = msgspec.structs.replace(harness.create(f"{tenant} beside"), thread_id="thread")
        await harness.do(beside)
    assert await ids(harness, None) == ["None beside", "None2", "None1", "None0"]
    assert await ids(harness, "b") == ["b beside", "b2", "b1", "b0"]
    assert await ids(harness, "b", status=("completed",), limit=2) == ["b2", "b1"]
    assert await ids(harness, "b", status=("queued",)) == ["b beside"]
    every = [f"{tenant}{one}" for tenant in ("b", "a", None) for one in (" beside", "2", "1", "0")]
    assert await ids(harness, EVERY_TENANT) == every
    before = await harness.get("b1")
    assert await ids(harness, "b", before=(before.created_at, before.run_id)) == ["b0"]


async def test_a_run_that_names_a_thread_is_no_turn_of_it(harness: StoreHarness) -> None:
    await harness.thread("thread")
    await harness.do(msgspec.structs.replace(harness.create("run"), thread_id="thread"))
    await harness.refused(RunInputMismatch, turn(harness, "run"))


async def test_a_run_that_is_a_turn_of_another_thread_is_refused(harness: StoreHarness) -> None:
    for thread in ("thread", "other"):
        await harness.thread(thread)
    await harness.do(turn(harness, "first", "other"))
    await harness.ended("first")
    await harness.refused(RunInputMismatch, turn(harness, "first"))


@pytest.mark.parametrize("later", [0.0, TOMBSTONE_FOR.total_seconds() + 1])
async def test_a_send_is_repeated_although_its_run_was_deleted(harness: StoreHarness, later: float) -> None:
    await harness.thread("thread")
    sent = turn(harness, "run")
    first = await harness.do(sent)
    await harness.ended("run")
    await harness.do(turn(harness, "next"))
    await harness.ended("next")
    await harness.do(DeleteRun(tenant=None, run_id="run", at=harness.at))
    harness.advance(later)
    await harness.do(DeleteRun(tenant=None, run_id="next", at=harness.at))  # tombstones that are due go
    assert await harness.do(sent) == first
    assert (await harness.get_thread("thread")).next_turn == 3


async def test_a_send_without_messages_is_repeated_although_its_run_was_deleted(harness: StoreHarness) -> None:
    await harness.thread("thread")
    sent = turn(harness, "run", messages=False)
    first = await harness.do(sent)
    await harness.ended("run")
    await harness.do(DeleteRun(tenant=None, run_id="run", at=harness.at))
    assert await harness.do(sent) == first


async def test_a_long_thread_is_deleted_in_commits_of_few_runs(harness: StoreHarness) -> None:
    await harness.thread("thread")
    for number in range(7):
        await harness.do(turn(harness, f"run{number}"))
        if number < 6:
            await harness.ended(f"run{number}")
    delete = msgspec.structs.replace(harness.delete_thread(), limit=3)
    left = list[set[str]]()
    while await harness.do(delete):
        left.append(set(await ids(harness, None)))
        assert (await harness.get_thread("thread")).head == 7  # it is there as long as its runs are
    assert left == [{"run0", "run1", "run2", "run3"}, {"run0"}]
    assert await ids(harness, None) == []
    assert await harness.store.threads.get("thread", tenant=None) is None
    assert await harness.do(delete) is False


async def test_the_hidden_roots_of_a_thread_go_with_it_in_few_runs_each(harness: StoreHarness) -> None:
    await harness.thread("thread")
    for number in range(4):
        await harness.do(turn(harness, f"run{number}"))
        await harness.ended(f"run{number}")
    await harness.do(harness.create_thread("fork", root=TurnRef("thread", 2)))
    await harness.do(turn(harness, "forked", "fork"))
    await harness.ended("forked")
    assert await harness.do(harness.delete_thread()) is False
    assert len(await ids(harness, None)) == 4  # the fork's path needs the thread
    delete = msgspec.structs.replace(harness.delete_thread("fork"), limit=2)
    answers = [await harness.do(delete) for _ in range(3)]
    assert answers == [True, True, False]
    assert await harness.store.runs.list(tenant=None) == []
    assert await harness.do(delete) is False

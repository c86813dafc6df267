"""What a file of the fourth schema holds, after it has moved into the fifth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perdure.core.compaction import expand
from perdure.core.fold import Fold, Reader
from perdure.core.messages import ToolCallPart
from perdure.core.operations import PutStep, TakeOver
from perdure.core.records import Lease, StepRecord
from perdure.core.usage import Usage
from perdure.stores import open_store
from perdure.stores.port import EVERY_TENANT, Store
from perdure.testing.clock import FakeClock
from tests.stores.kept_files import FILES, kept


@pytest.fixture
async def fourth(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(kept(tmp_path, 4), clock=FakeClock())
    yield store
    await store.close()


async def run_of(store: Store, run_id: str, tenant: str | None = None) -> Any:
    run = await store.runs.get(run_id, tenant=tenant)
    assert run is not None
    return run


async def test_the_runs_of_the_fourth_schema_are_where_they_were(fourth: Store) -> None:
    runs = {run.run_id: run for run in await fourth.runs.list(tenant=EVERY_TENANT)}
    assert {name: run.status for name, run in runs.items() if not name.startswith("turn_")} == {
        "parent": "suspended",
        "sleeper": "suspended",
        "fails": "failed",
        "parent/0": "completed",
        "queued": "queued",
        "again": "queued",
        "running": "running",
        "cancelling": "cancelling",
        "asked": "running",
        "answered": "running",
    }
    assert (runs["parent"].waiting_for, runs["parent"].tags) == (("event:go",), {"plan": "pro"})
    assert runs["sleeper"].waiting_for == ("timer:0",)
    assert (runs["sleeper"].due_at is not None, runs["sleeper"].ready_at) == (True, None)
    for name in ("queued", "again"):
        assert (runs[name].ready_at, runs[name].due_at) == (runs[name].created_at, None)
    assert (runs["again"].parent_key, runs["again"].life) == ("child:9", 2)
    assert (runs["parent/0"].parent_key, runs["parent/0"].life) == ("child:0", 0)
    assert runs["asked"].tenant == "t"
    assert await fourth.runs.overdue() == [(None, "cancelling")]
    assert await fourth.runs.manifest("running", tenant=None) == b'{"task":{"id":"other"}}'
    failed = await run_of(fourth, "fails")
    assert failed.failure.cause_type == "ZeroDivisionError"


async def test_the_steps_of_the_fourth_schema_have_numbers_and_phases(fourth: Store) -> None:
    steps = await fourth.steps.list("running", tenant=None)
    assert [(step.number, step.position, step.status, step.attempts) for step in steps] == [
        (0, "0", "completed", 1),
        (1, "1", "running", 2),
        (2, "2.0", "in_doubt", 1),
        (3, "2.1", "running", 1),
        (4, "10", "failed", 1),
    ]
    lease = Lease(None, "running", 1)
    late = msgspec.structs.replace(steps[1], retry=None)
    await fourth.commit(lease, PutStep(late))  # it waited for its retry already
    await fourth.commit(
        lease, PutStep(StepRecord(position="2.1", number=3, name="four", status="completed", started=3))
    )
    after = await fourth.steps.list("running", tenant=None)
    assert (after[1].retry, after[3].status) == (4.0, "completed")


async def test_the_events_of_the_fourth_schema_have_keys_and_seqs(fourth: Store) -> None:
    found = {
        name: [(event.key, event.seq) for event in await fourth.events.list(name, tenant=None)]
        for name in ("parent", "sleeper", "answered")
    }
    assert found == {
        "parent": [("child:0", 1)],
        "sleeper": [("event:note", 1)],
        "answered": [("question:question of answered", 1)],
    }
    for name, events in found.items():
        assert (await run_of(fourth, name)).inbox >= events[-1][1]


async def test_the_questions_of_the_fourth_schema_are_those_of_their_tenants(fourth: Store) -> None:
    (asked,) = await fourth.questions.list(tenant="t")
    assert (asked.question_id, asked.run_id, asked.choices) == ("question of asked", "asked", ("yes", "no"))
    answered = await fourth.questions.get("question of answered", tenant=None)
    assert answered is not None
    assert (answered.answer, answered.answered_by) == (b'"yes"', "ana")
    assert await fourth.questions.list(tenant=None) == []


async def test_a_worker_of_the_fourth_schema_is_dead_once_its_lease_has_ended(fourth: Store) -> None:
    gone = next(dead for dead in await fourth.workers.dead() if dead.worker.worker_id == "gone")  # of another boot
    taken = await fourth.execute(TakeOver(worker_id="gone", incarnation=gone.worker.incarnation, at=FakeClock().now()))
    assert sorted(run_id for _, run_id in taken) == ["answered", "asked", "cancelling", "running"]
    assert (await run_of(fourth, "running")).status == "queued"
    assert (await run_of(fourth, "running")).suspicion is None


async def test_the_threads_of_the_fourth_schema_have_paths(fourth: Store) -> None:
    thread = await fourth.threads.get("talk", tenant=None)
    assert thread is not None
    assert (thread.head, thread.next_turn, thread.status, thread.title) == (2, 3, "completed", "Weather")
    assert (thread.owner, thread.metadata, thread.finish_reason) == ("ana", {"a": 1}, "stop")
    path = await fourth.threads.path("talk", tenant=None)
    assert [(turn.turn, turn.parent.turn if turn.parent else None) for turn in path] == [(1, None), (2, 1)]
    messages = await fourth.messages.path("talk", tenant=None)
    assert [(message.turn, message.place, message.role, message.text) for message in messages] == [
        (1, 0, "user", "Weather?"),
        (1, 1, "assistant", "It is 14 degrees in Oslo."),
        (2, 0, "user", "Thanks"),
        (2, 1, "assistant", "You are welcome."),
    ]
    call = messages[1].parts[1]
    assert isinstance(call, ToolCallPart)
    assert (call.tool, call.state, call.output) == ("weather", "completed", "14 degrees in Oslo")
    kept_for_later = await fourth.messages.get("talk", "given", tenant=None)
    assert kept_for_later is not None
    assert (kept_for_later.text, kept_for_later.turn, kept_for_later.run_id) == ("kept for later", 3, None)
    events = await fourth.threads.events("talk", tenant=None)
    assert [event.seq for event in events] == list(range(1, thread.next_event))
    assert [event.body for event in events if event.kind == "note"] == [{"by": "ana"}]
    assert len({event.event_id for event in events}) == len(events)
    other = await fourth.threads.get("cut off", tenant=None)
    assert other is not None
    assert other.status == "running"


async def test_the_streams_of_the_fourth_schema_read_as_they_did(fourth: Store) -> None:
    expected = msgspec.json.decode((FILES / "schema-4.json").read_bytes())
    assert set(expected) == {"talk/1", "talk/2", "broken/1", "cut off/1"}
    for turn in expected.values():
        message = await fourth.messages.of_run(turn["run"], tenant=None)
        assert message is not None
        assert message.message_id == turn["message"]
        used = None if turn["usage"] is None else msgspec.convert(turn["usage"], Usage)
        assert message.usage == used
        page = await fourth.streams.read(turn["run"], tenant=None)
        for stop in range(len(page.entries)):  # a reader stops anywhere, and goes on
            fold, reader = Fold(), Reader()
            for entry in page.entries[:stop]:
                fold.add_all(reader.new(expand(entry, message.parts), page.head))
            for entry in (await fourth.streams.read(turn["run"], tenant=None, after=fold.cursor.seq)).entries:
                fold.add_all(reader.new(expand(entry, message.parts), page.head))
            found = [[chunk.seq, chunk.kind, chunk.text, chunk.part, chunk.call_id] for chunk in fold.chunks]
            assert (found, fold.gaps) == (turn["chunks"], 0)


async def test_the_lanes_of_the_fourth_schema_are_those_of_its_steps(fourth: Store) -> None:
    expected = msgspec.json.decode((FILES / "schema-4.json").read_bytes())
    lanes = {
        name: [(entry.lane, entry.from_seq, entry.seq) for entry in page.entries]
        for name, turn in expected.items()
        for page in [await fourth.streams.read(turn["run"], tenant=None)]
    }
    assert lanes == {
        "talk/1": [("0", 1, 8), ("", 1, 9), ("2", 1, 17), ("", 10, 18)],
        "talk/2": [("0", 1, 5), ("", 1, 6)],
        "broken/1": [("0", 1, 10), ("", 1, 11)],
        "cut off/1": [("0", 1, 1), ("0", 2, 2), ("0", 3, 3)],
    }
    (step,) = await fourth.steps.list(expected["cut off/1"]["run"], tenant=None)
    assert step.opened == 1

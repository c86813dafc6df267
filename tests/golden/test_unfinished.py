"""What an earlier version left in a middle stays what it was, and goes on as promised when somebody acts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from perdure.app.client import Client
from perdure.core import keys
from perdure.core.clock import SystemClock
from perdure.core.decisions.changes import InsertRun
from perdure.core.fold import Fold
from perdure.core.messages import ToolCallPart
from perdure.core.records import RunRecord
from perdure.errors import Deleted, RunCancelled
from perdure.runs.replaying import replay
from tests.golden.files import read
from tests.golden.keeping import loaded, until
from tests.golden.unfinished import Unfinished
from tests.runs.cluster import Door


@asynccontextmanager
async def going_on(url: str, name: str, *, has_changed: bool = False) -> AsyncGenerator[tuple[Unfinished, Client]]:
    """A kept file in a store, with a worker of this version at work."""
    program, moment = name.split("-")
    programs = Unfinished(url, has_changed=has_changed)
    store = await loaded(url, read(program, moment)[1])
    app = programs.app
    app.workflow(name="of nobody", queue="of nobody")(programs.strict)  # so that the worker serves that queue
    worker = app.worker(store)
    try:
        await worker.start()
        yield programs, Door(url, app.workflows, SystemClock(), store)
    finally:
        await worker.stop()
        await store.close()


async def is_(client: Client, run_id: str, status: str) -> bool:
    return (await client.run(run_id).record()).status == status


@pytest.mark.parametrize(
    ("choice", "came", "executed"),
    [("value", "PAID", ["after"]), ("again", "CHARGE", ["charge", "after"]), ("failed", "StepInDoubt", ["after"])],
)
async def test_a_step_in_doubt_waits_for_a_person_and_goes_on_by_the_answer(
    url: str, choice: str, came: str, executed: list[str]
) -> None:
    async with going_on(url, "doubt-asked") as (programs, client):
        (question,) = await client.questions.list()
        assert (question.run_id, question.position, question.choices) == ("charges", "1", ("again", "failed", "value"))
        steps = {step.position: step.status for step in await client.run("charges").steps()}
        assert steps == {"0": "completed", "1": "in_doubt"}
        assert await is_(client, "charges", "suspended")
        assert programs.executed == []
        await client.questions.resolve("charges", "1", choice, "PAID" if choice == "value" else None, by="ana")
        assert await client.run("charges").result() == ["BEFORE", came, "AFTER"]
        assert programs.executed == executed
        assert await client.questions.list() == []


@pytest.mark.slow
async def test_what_waits_for_a_time_or_its_next_attempt_goes_on_when_it_is_due(url: str) -> None:
    async with going_on(url, "times-waiting") as (programs, client):
        assert await client.run("waits").result() == [None, "AGAIN"]
        (turn,) = await client.thread("thread").turns()
        await turn.result()
        assert await client.run("parent").result() == [None, "AGAIN"]
        assert programs.executed == ["again", "again"]


@pytest.mark.parametrize(
    ("run_id", "result"),
    [("strict", b'["StepTimedOut","StepTimedOut"]'), ("refused", b'["BEFORE","StepInDoubt","AFTER"]')],
)
async def test_what_failed_in_doubt_and_what_timed_out_is_raised_as_such_again(
    url: str, run_id: str, result: bytes
) -> None:
    programs, store = Unfinished(url), await loaded(url, read("doubt", "asked")[1])
    try:
        run = await store.runs.get(run_id, tenant=None)
        assert run is not None
        assert run.result == result
        await replay(store, SystemClock(), run, programs.app.workflows.get(run.workflow))
    finally:
        await store.close()
    assert programs.executed == []


async def test_a_turn_that_waits_for_a_person_goes_on_by_the_answer(url: str) -> None:
    async with going_on(url, "turns-unfinished") as (programs, client):
        thread = client.thread("asked")
        assert (await thread.record()).status == "waiting"
        (question,) = await client.questions.list()
        await client.questions.answer(question.question_id, "value", "paid by hand", by="ana")
        (turn,) = await thread.turns()
        message = await turn.result()
        assert programs.executed == []
    assert (message.status, message.text) == ("complete", "I pay.It is paid.")
    states = {part.tool: (part.state, part.output) for part in message.parts if isinstance(part, ToolCallPart)}
    assert states == {"pay": ("completed", "paid by hand"), "refuse": ("failed", None), "notify": ("in_doubt", None)}


async def test_a_stopped_turn_keeps_what_was_said_and_the_next_message_is_answered(url: str) -> None:
    async with going_on(url, "turns-unfinished") as (_, client):
        thread = client.thread("stopped")
        stopped = (await thread.messages())[-1]
        assert (stopped.status, stopped.text) == ("stopped", "One two ")
        assert (await thread.record()).reason == "enough"
        assert (await (await thread.send("And then?")).result()).text == "Five."
        cut_off = (await client.thread("cut_off").messages())[-1]
        assert (cut_off.status, cut_off.finish_reason, cut_off.text) == ("cut_off", "length", "And then")


async def test_a_parked_run_stays_parked_for_code_that_disagrees(url: str) -> None:
    async with going_on(url, "changed-parked", has_changed=True) as (programs, client):

        async def was_tried() -> bool:
            record = await client.run("changed").record()
            return record.is_parked and record.token > before.token

        before = parked_run()
        await until(was_tried)
        record = await client.run("changed").record()
        assert record.failure == before.failure
        assert programs.executed == []


async def test_a_parked_run_goes_on_with_code_that_agrees(url: str) -> None:
    async with going_on(url, "changed-parked") as (programs, client):
        assert await client.run("changed").result() == ["NAMED", "went", "AFTER"]
        assert programs.executed == ["after"]


def parked_run() -> RunRecord:
    (record,) = [row.run for row in read("changed", "parked")[1] if isinstance(row, InsertRun)]
    return record


async def test_a_run_whose_process_was_killed_goes_on_and_asks_about_what_it_left_in_doubt(url: str) -> None:
    async with going_on(url, "process-killed") as (programs, client):

        async def is_asked() -> bool:
            return len(await client.questions.list(run_id="left")) == 1

        await until(is_asked)
        await client.questions.resolve("left", "2", "value", "BY HAND")
        assert await client.run("left").result() == ["COMMITTED", "AGAIN", "BY HAND"]
        assert await client.run("queued").result() == ["COMMITTED", "AGAIN", "CHARGE"]
        assert sorted(programs.executed) == sorted(["again", "committed", "again", "charge"])  # of `queued` as well
        with pytest.raises(RunCancelled):
            await client.run("deaf").result()


async def test_a_reader_of_an_answer_whose_process_was_killed_ends_with_the_whole_answer(url: str) -> None:
    async with going_on(url, "process-killed") as (_, client):
        (turn,) = await client.thread("thread").turns()
        message = await turn.result()
        assert (message.status, message.text) == ("complete", "One two three four.")
        for after in (None, "1.2", "1.3"):
            held = Fold()
            async for chunk in turn.stream(after=after):
                held.add(chunk)
            assert after is not None or held.text == message.text


async def test_runs_with_one_key_and_what_was_deleted_are_what_they_were(url: str) -> None:
    async with going_on(url, "rows-made") as (programs, client):
        for hold in ("until_end", "while_running"):
            for number in (1, 2):
                assert await client.run(f"{hold}-{number}").result() == ["STRICT", "LATE"]
        store = client.store
        (event, another) = await store.events.list("until_end-1", tenant=None)
        assert (event.key, event.payload, another.payload) == (keys.channel("orders"), b"1", b"2")
        path = await store.threads.path("fork", tenant=None)
        assert [(turn.thread_id, turn.turn) for turn in path] == [("root", 1)]
        with pytest.raises(Deleted):
            await client.start(programs.app.workflows.get("strict"), run_id="gone")
        with pytest.raises(Deleted):
            await client.threads.create("talker", thread_id="unused")
    assert len(programs.executed) == 8

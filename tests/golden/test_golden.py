"""What was recorded is replayed as it was, and what was left in its middle goes on to the recorded end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from perdure.core.clock import SystemClock
from perdure.core.decisions.changes import Change, InsertMessage, InsertRun
from perdure.core.records import RunRecord
from perdure.core.values import encode
from perdure.runs.replaying import replay
from tests.golden.files import FILES, FORMAT, read
from tests.golden.keeping import loaded
from tests.golden.programs import RUN, Programs
from tests.golden.record import go_on, main
from tests.runs.cluster import Door


def runs_of(rows: Sequence[Change]) -> dict[str, RunRecord]:
    return {row.run.run_id: row.run for row in rows if isinstance(row, InsertRun)}


@pytest.mark.parametrize("program", ["everything", "turns"])
async def test_a_completed_run_replays_without_executing_anything(url: str, program: str) -> None:
    header, rows = read(program, "end")
    assert header.format == FORMAT
    programs, store = Programs(url), await loaded(url, rows)
    try:
        completed = [run for run in runs_of(rows).values() if run.status == "completed"]
        assert completed
        for run in completed:
            workflow = programs.app.workflows.get(run.workflow)
            await replay(store, SystemClock(), run, workflow)
        assert [encode(result) for result in programs.results] == [
            run.result for run in completed if run.workflow == "everything"
        ]
        assert programs.executed == []
        assert programs.model.requests == []
        assert [row async for batch in store.transfer.export() for row in batch] == rows
    finally:
        await store.close()


async def test_a_run_that_was_left_in_its_middle_goes_on_to_the_recorded_end(url: str) -> None:
    header, middle = read("everything", "middle")
    ended, end = read("everything", "end")
    programs, store = Programs(url), await loaded(url, middle)
    worker = programs.app.worker(store)
    try:
        await worker.start()
        client = Door(url, programs.app.workflows, SystemClock(), store)
        await go_on(client)
        record = await client.run(RUN).record()
    finally:
        await worker.stop()
        await store.close()
    assert record.result == runs_of(end)[RUN].result
    assert Counter(programs.executed) == Counter(ended.executed) - Counter(header.executed)


async def test_a_thread_that_was_recorded_has_its_messages(url: str) -> None:
    _, rows = read("turns", "end")
    store = await loaded(url, rows)
    try:
        before = await store.messages.path("thread", tenant=None)
    finally:
        await store.close()
    recorded = [row.message.message_id for row in rows if isinstance(row, InsertMessage)]
    assert sorted(message.message_id for message in before) == sorted(recorded)
    assert [message.status for message in before if message.role == "assistant"] == ["complete", "failed"]
    assert before[1].text == "Let me look.It rains."


@pytest.mark.slow
async def test_the_recorder_changes_no_kept_file(tmp_path: Path) -> None:
    await main(tmp_path)
    made = contents(tmp_path)
    assert set(made) == set(contents(FILES))
    await main(tmp_path)
    assert made == contents(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}

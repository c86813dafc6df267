"""What a file of the fifth schema holds after its move into the sixth, by one process, two, or one that is killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.operations import AppendEntries, RegisterWorker, TakeRun
from perdure.core.records import Lease
from perdure.stores import open_store
from perdure.stores.sqlite.driver import open_connection
from perdure.stores.sqlite.schema import VERSION, migrate
from perdure.testing.clock import FakeClock
from tests.stores.kept_files import kept, path_of, version_of

MANY = 100_000
FILL = """
WITH RECURSIVE each (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM each WHERE number < {many} - 1)
INSERT INTO chunks (run, seq, from_seq, lane, body)
SELECT 1 + number % 10, 1 + number / 10, 1 + number / 10, 'lane ' || (number % 3), CAST(number AS BLOB) FROM each
"""
RUN = """
INSERT INTO runs (tenant, run_id, workflow, status, queue, project_id, manifest_hash, seed, token, left_token, life,
    inbox, ready_at, hold, has_key, cleans_up, cancels_children, created_at, updated_at)
VALUES ('', ?, 'flow', 'queued', 'default', 'default', 'h', 's', 0, 0, 0, 0, 1.0, 'until_end', 0, 0, 0, 1.0, 1.0)
"""


def fifth(folder: Path, many: int) -> str:
    """A file of the fifth schema with many entries, of ten runs, and the one of no run that a deletion leaves."""
    path = folder / "fifth.db"
    path.touch()
    connection = open_connection(str(path))
    connection.pragma("journal_mode", "wal")
    migrate(connection, str(path), 5)
    for number in range(10):
        connection.execute(RUN, (f"run{number}",))
    connection.execute(FILL.format(many=many))
    connection.execute("INSERT INTO chunks (run, seq, from_seq, lane, body) VALUES (0, 0, 0, '', x'')")
    connection.close()
    return f"sqlite:///{path}"


async def check(url: str, many: int) -> None:
    store = await open_store(url)
    for number in (0, 3, 9):
        page = await store.streams.read(f"run{number}", tenant=None, limit=many)
        assert page.head == many // 10
        assert [(entry.seq, entry.from_seq, entry.lane, entry.body) for entry in page.entries] == [
            (seq + 1, seq + 1, f"lane {(10 * seq + number) % 3}", b"%d" % (10 * seq + number))
            for seq in range(many // 10)
        ]
    await store.close()
    connection = open_connection(path_of(url))
    assert connection.execute("SELECT count(*) FROM chunks").fetchall() == [(many,)]
    connection.close()
    assert version_of(url) == VERSION


async def test_the_entries_of_the_fifth_schema_are_where_they_were(tmp_path: Path) -> None:
    url = fifth(tmp_path, 500)
    assert version_of(url) == 5
    await check(url, 500)


@pytest.mark.parametrize("version", [1, 3, 4])
async def test_a_kept_file_that_stopped_at_the_fifth_holds_what_one_that_goes_on_holds(
    tmp_path: Path, version: int
) -> None:
    found = list[Any]()
    for name in ("at once", "in two"):
        (tmp_path / name).mkdir()
        url = kept(tmp_path / name, version)
        if name == "in two":
            connection = open_connection(path_of(url))
            migrate(connection, path_of(url), 5)
            connection.close()
            assert version_of(url) == 5
        store = await open_store(url)
        found.append([row async for batch in store.transfer.export() for row in batch])
        await store.close()
    assert found[0] == found[1] != []


async def test_a_stream_of_the_fifth_schema_goes_on(tmp_path: Path) -> None:
    clock = FakeClock()
    store, at = await open_store(fifth(tmp_path, 50), clock=clock), clock.now()
    await store.execute(RegisterWorker(worker_id="w", incarnation="1", at=at, lease_for=60))
    for run_id in ("run0", "run9"):
        await store.execute(TakeRun(tenant=None, run_id=run_id, worker_id="w", incarnation="1", claim_id=run_id, at=at))
        for seq in (6, 7):
            entry = chunk_entry(Chunk(kind="text", text="more"), "0", seq, seq)
            await store.commit(Lease(None, run_id, 1), AppendEntries((entry,)))
        page = await store.streams.read(run_id, tenant=None)
        assert [one.seq for one in page.entries] == [1, 2, 3, 4, 5, 6, 7]
    await store.close()


COUNT = """
import asyncio, sys
from perdure.stores import open_store
async def main():
    store = await open_store(sys.argv[1])
    print((await store.streams.read("run3", tenant=None)).head)
    await store.close()
asyncio.run(main())
"""


@pytest.mark.slow
async def test_two_processes_move_many_entries_at_once(tmp_path: Path) -> None:
    url = fifth(tmp_path, MANY)
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", COUNT, url, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for child in children:
        assert await child.communicate() == (b"%d\n" % (MANY // 10), b"")
    await check(url, MANY)


STOP = """
import sys, threading
import perdure.stores.sqlite.schema as schema

def stopped(connection):
    # before so many statements of the step it says so, and waits to be killed
    left = int(sys.argv[2])
    def count(cursor, sql, values):
        nonlocal left
        left -= 1
        if left < 0:
            print("moving", flush=True)
            threading.Event().wait()
        return True
    connection.exec_trace = count
    connection.execute(schema.STEPS_OF_SIX)

schema.STEPS_OF_SIX = schema.STEPS[5]
schema.STEPS = (*schema.STEPS[:5], stopped)
"""


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.parametrize("statement", [0, 1, 2, 3])
async def test_a_process_that_is_killed_within_the_sixth_step_leaves_the_fifth(tmp_path: Path, statement: int) -> None:
    url = fifth(tmp_path, 10_000)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STOP + COUNT, url, str(statement), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"moving\n"
    child.kill()
    await child.wait()
    assert version_of(url) == 5
    await check(url, 10_000)

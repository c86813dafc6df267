"""Migrations: files that earlier schemas wrote, several processes at once, a process that is killed, and the future."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from perdure.core.operations import CreateRun
from perdure.errors import StoreInvalid, StoreTooNew
from perdure.stores import open_store
from perdure.stores.sqlite.connection import connect
from perdure.stores.sqlite.driver import open_connection
from perdure.stores.sqlite.schema import STEPS, VERSION, migrate
from perdure.testing.clock import FakeClock
from tests.stores.kept_files import kept, path_of, version_of

OPEN = """
import asyncio, sys
from perdure.stores import open_store
async def main():
    store = await open_store(sys.argv[1])
    print((await store.runs.get(sys.argv[2], tenant=None)).result.decode())
    await store.close()
asyncio.run(main())
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return kept(tmp_path, 1)


async def test_a_kept_file_of_the_first_schema_opens_with_all_that_it_holds(url: str) -> None:
    assert version_of(url) == 1
    store = await open_store(url)
    run = await store.runs.get("kept", tenant=None)
    assert run is not None
    assert (run.status, run.token, run.tags) == ("running", 3, {"plan": "pro"})
    assert (run.cancel_until, run.parent_id, run.thread_id) == (None, None, None)
    steps = await store.steps.list("kept", tenant=None)
    assert [(step.position, step.name, step.result) for step in steps] == [("0", "look up", b'"Ana"')]
    events = await store.events.list("kept", tenant=None)
    assert [(event.key, event.payload, event.by) for event in events] == [("event:go", b'{"now":true}', None)]
    done = await store.runs.get("done", tenant=None)
    assert done is not None
    assert done.result == b'"hello ana"'
    await store.close()
    assert version_of(url) == VERSION == len(STEPS)


@pytest.mark.parametrize(("version", "run_id", "result"), [(1, "done", b'"hello ana"\n'), (4, "parent/0", b"8\n")])
async def test_several_processes_migrate_one_file_at_once(
    tmp_path: Path, version: int, run_id: str, result: bytes
) -> None:
    url = kept(tmp_path, version)
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", OPEN, url, run_id, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(6)
    ]
    for child in children:
        assert await child.communicate() == (result, b"")
    assert version_of(url) == VERSION


@pytest.mark.parametrize("version", [1, 3, 4])
async def test_a_file_that_was_migrated_has_the_schema_of_a_new_one(tmp_path: Path, version: int) -> None:
    new = f"sqlite:///{tmp_path}/new.db"
    schemas = list[Any]()
    # SQLite's own table of AUTOINCREMENT stays once it was made
    look = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY 1, 2"
    for url in (new, kept(tmp_path, version)):
        await (await open_store(url)).close()
        connection = open_connection(path_of(url))
        schemas.append(connection.execute(look).fetchall())
        connection.close()
    assert schemas[0] == schemas[1]


MANY = 100_000
RUN = """
INSERT INTO runs (run_id, workflow, status, queue, project_id, manifest_hash, seed, created_at, updated_at)
VALUES (?, 'flow', 'queued', 'default', 'default', 'h', 's', 1.0, 1.0)
"""
FILL = """
WITH RECURSIVE each (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM each WHERE number < {many} - 1)
INSERT INTO steps SELECT 1 + number % 10, to_place(CAST(number / 10 AS TEXT)), 1, 'step', 'logic', 'completed', 1,
    NULL, 1.0, 2.0, NULL, NULL, NULL, CAST(number AS BLOB) FROM each
"""


def large_file(folder: Path) -> str:
    """A file of the fourth schema with many steps, of ten runs."""
    path = str(folder / "large.db")
    (folder / "large.db").touch()
    connection = open_connection(path)
    connection.pragma("journal_mode", "wal")
    migrate(connection, path, 4)
    for number in range(10):
        connection.execute(RUN, (f"run{number}",))
    connection.execute(FILL.format(many=MANY))
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.slow
async def test_many_steps_of_the_fourth_schema_move_whole(tmp_path: Path) -> None:
    store = await open_store(large_file(tmp_path))
    for number in range(10):
        steps = await store.steps.list(f"run{number}", tenant=None)
        assert [step.position for step in steps] == [str(place) for place in range(MANY // 10)]
        assert [step.result for step in steps] == [b"%d" % (10 * place + number) for place in range(MANY // 10)]
        assert len({step.number for step in steps}) == MANY // 10
    await store.close()


COUNT = """
import asyncio, sys
from perdure.stores import open_store
async def main():
    store = await open_store(sys.argv[1])
    print(await store.steps.count("run3", tenant=None))
    await store.close()
asyncio.run(main())
"""


@pytest.mark.slow
async def test_two_processes_migrate_a_large_file_at_once(tmp_path: Path) -> None:
    url = large_file(tmp_path)
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", COUNT, url, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for child in children:
        assert await child.communicate() == (b"%d\n" % (MANY // 10), b"")
    assert version_of(url) == VERSION


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.parametrize("statement", [1, 20, 36])
async def test_a_process_that_is_killed_while_it_migrates_leaves_the_old_file(tmp_path: Path, statement: int) -> None:
    url = large_file(tmp_path)
    command = f"import sys, perdure.stores.sqlite.schema_5 as moving\n{STOP}\n{OPEN}"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, url, "run0", str(statement), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"moving\n"
    child.kill()
    await child.wait()
    assert version_of(url) == 4
    store = await open_store(url)
    assert await store.steps.count("run3", tenant=None) == MANY // 10
    await store.close()
    assert version_of(url) == VERSION


STOP = """
class Stopped:
    # after so many statements it says so, and waits to be killed
    def __init__(self, inner): self.inner, self.left = inner, int(sys.argv[3])
    def execute(self, *sql):
        self.left -= 1
        if self.left < 0:
            print("moving", flush=True)
            import threading; threading.Event().wait()
        return self.inner.execute(*sql)
    def __getattr__(self, name): return getattr(self.inner, name)

import perdure.stores.sqlite.schema as schema
schema.STEPS = (*schema.STEPS[:4], lambda connection: moving.move_to_5(Stopped(connection)), *schema.STEPS[5:])
"""


class Interrupted:
    """A connection before whose call of this number another process makes the whole file."""

    def __init__(self, at: int, path: str) -> None:
        self._inner = open_connection(path)
        self._path = path
        self._left = at

    def __getattr__(self, name: str) -> Any:
        if self._left == 0:
            other = open_connection(self._path)
            migrate(other, self._path)
            other.close()
        self._left -= 1
        return getattr(self._inner, name)


@pytest.mark.parametrize("at", range(7))
async def test_a_file_that_another_process_makes_meanwhile_is_no_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    path = tmp_path / "perdure.db"
    path.touch()
    monkeypatch.setattr("perdure.stores.sqlite.connection.open_connection", partial(Interrupted, at))
    connection = connect(str(path), VERSION)
    migrate(connection, str(path))
    assert connection.pragma("user_version") == VERSION
    connection.close()


async def test_to_open_waits_for_another_process_that_is_opening(tmp_path: Path) -> None:
    path = tmp_path / "perdure.db"
    path.touch()
    other = open_connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    opening = asyncio.create_task(open_store(f"sqlite:///{path}"))
    asyncio.get_running_loop().call_later(0.05, other.close)
    await (await opening).close()


async def test_a_database_newer_than_the_code_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    store = await open_store(f"sqlite:///{path}")
    await store.close()
    version_of(f"sqlite:///{path}", VERSION + 1)
    before = path.read_bytes()
    with pytest.raises(StoreTooNew) as refused:
        await open_store(f"sqlite:///{path}")
    assert (refused.value.found, refused.value.known) == (VERSION + 1, VERSION)
    assert path.read_bytes() == before


async def test_a_store_that_is_migrated_while_open_writes_nothing_more(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/perdure.db"
    store, at = await open_store(url), FakeClock().now()

    def create(run_id: str) -> CreateRun:
        return CreateRun(tenant=None, run_id=run_id, workflow="f", manifest=b"{}", manifest_hash="h", seed="s", at=at)

    await store.execute(create("before"))
    version_of(url, VERSION + 1)
    with pytest.raises(StoreTooNew):
        await store.execute(create("after"))
    assert await store.runs.get("after", tenant=None) is None
    await store.close()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be looked at" * 100, b"\x00" * 4096])
async def test_what_is_no_database_is_refused_and_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "stranger.db"
    path.write_bytes(content)
    with pytest.raises(StoreInvalid):
        await open_store(f"sqlite:///{path}")
    assert path.read_bytes() == content


async def test_the_database_of_another_program_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    path.touch()
    connection = open_connection(str(path))
    connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreInvalid) as refused:
        await open_store(f"sqlite:///{path}")
    assert "another program" in refused.value.reason
    assert path.read_bytes() == before

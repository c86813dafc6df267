"""Migrations: a file that an earlier schema wrote, several processes at once, a schema from the future."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from perdure import App, Context
from perdure.errors import StoreInvalid, StoreTooNew
from perdure.stores import open_store
from perdure.stores.sqlite.connection import connect
from perdure.stores.sqlite.driver import Cell, open_connection
from perdure.stores.sqlite.schema import STEPS, VERSION, migrate

FILES = Path(__file__).parent / "files"

OPEN = """
import asyncio, sys
from perdure.stores import open_store
async def main():
    store = await open_store(sys.argv[1])
    print((await store.runs.get("done")).result.decode())
    await store.close()
asyncio.run(main())
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return kept(tmp_path, 1)


def kept(folder: Path, version: int) -> str:
    shutil.copy(FILES / f"schema-{version}.db", folder / "kept.db")
    return f"sqlite:///{folder}/kept.db"


def version_of(url: str, new: int | None = None) -> Cell:
    connection = open_connection(url.removeprefix("sqlite:///"))
    version = connection.pragma("user_version") if new is None else connection.pragma("user_version", new)
    connection.close()
    return version


async def test_a_kept_file_of_the_first_schema_opens_with_all_that_it_holds(url: str) -> None:
    assert version_of(url) == 1
    store = await open_store(url)
    kept = await store.runs.load("kept")
    assert kept is not None
    assert (kept.run.status, kept.run.token, kept.run.tags) == ("running", 3, {"plan": "pro"})
    assert (kept.run.cancel_by, kept.run.parent_id, kept.run.thread_id) == (None, None, None)
    assert [(step.position, step.name, step.result) for step in kept.steps] == [("0", "look up", b'"Ana"')]
    assert [(event.key, event.payload, event.by) for event in kept.events] == [("go", b'{"now":true}', None)]
    done = await store.runs.get("done")
    assert done is not None
    assert done.result == b'"hello ana"'
    await store.close()
    assert version_of(url) == VERSION == len(STEPS)


async def test_a_run_that_the_first_schema_began_goes_on_where_it_was(url: str) -> None:
    app, looked = App(url), list[str]()

    def look_up(name: str) -> str:
        looked.append(name)
        return name.title()

    @app.workflow
    async def greet(ctx: Context, name: str) -> str:
        known = await ctx.step("look up", look_up, name)
        event = await ctx.await_event("go")
        return f"hello {known} {event}"

    assert greet.name == "greet"
    async with app:
        assert await app.run("kept").result() == "hello Ana {'now': True}"
    assert looked == []


async def test_the_steps_of_the_third_schema_keep_their_places_and_their_run_its_count(tmp_path: Path) -> None:
    url = kept(tmp_path, 3)
    assert version_of(url) == 3
    app, called = App(url), list[int]()

    def call(number: int) -> int:
        called.append(number)
        return number

    @app.workflow
    async def collect(ctx: Context, count: int) -> list[int]:
        found = [await ctx.step(f"number {number}", call, number) for number in range(count)]

        async def doubled(number: int) -> int:
            return await ctx.step("double", call, 2 * number)

        doubles = await ctx.map(doubled, found)
        await ctx.await_event("go")
        await ctx.step("last", call, 12)
        return doubles

    assert collect.name == "collect"
    async with app:
        before = await app.store.runs.load("kept")
        assert before is not None
        assert before.run.rev == 25
        await app.emit_event("kept", "go")
        assert await app.run("kept").result() == list(range(0, 24, 2))
        after = await app.store.runs.load("kept")
        assert after is not None
    positions = [step.position for step in before.steps]
    assert positions == [*map(str, range(12)), *(f"12.{branch}.0" for branch in range(12))]
    assert [step.position for step in after.steps] == [*positions, "13", "14"]
    assert after.run.rev == before.run.rev + 3
    assert called == [12]


async def test_several_processes_migrate_one_file_at_once(url: str) -> None:
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", OPEN, url, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(6)
    ]
    for child in children:
        assert await child.communicate() == (b'"hello ana"\n', b"")
    assert version_of(url) == VERSION


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
    app = App(f"sqlite:///{tmp_path}/perdure.db")

    @app.workflow
    async def nothing(ctx: Context) -> str:
        return ctx.run_id

    async with app.client() as client:
        await client.start(nothing, run_id="before")
        version_of(app.url, VERSION + 1)
        with pytest.raises(StoreTooNew):
            await client.start(nothing, run_id="after")
        assert await client.store.runs.get("after") is None


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

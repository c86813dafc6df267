"""Runs that an earlier schema began go on where they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure import App, Context
from perdure.errors import StoreTooNew
from perdure.stores.sqlite.schema import VERSION
from tests.stores.kept_files import kept, version_of


async def test_a_run_that_the_first_schema_began_goes_on_where_it_was(tmp_path: Path) -> None:
    app, looked = App(kept(tmp_path, 1)), list[str]()

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


async def test_the_steps_of_the_third_schema_keep_their_positions(tmp_path: Path) -> None:
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
        before = await app.store.steps.list("kept", tenant=None)
        await app.emit_event("kept", "go")
        assert await app.run("kept").result() == list(range(0, 24, 2))
        after = await app.store.steps.list("kept", tenant=None)
    positions = [step.position for step in before]
    assert positions == [*map(str, range(12)), *(f"12.{branch}.0" for branch in range(12))]
    assert [step.position for step in after] == [*positions, "13", "14"]
    assert called == [12]


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
        assert await client.store.runs.get("after", tenant=None) is None

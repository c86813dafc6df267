"""An app is open once: a second entry is refused and leaves the first alone; leaving waits for what stops already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perdure import App, Context
from perdure.app.client import Client
from perdure.core.operations import RegisterWorker
from perdure.errors import AlreadyOpen, PerdureError, StoreClosed, StoreLoopWrong
from perdure.stores import open_store
from perdure.stores.port import Store
from perdure.testing.clock import FakeClock
from perdure.testing.wrapped import WrappedStore


def an_app(tmp_path: Path, **options: Any) -> App:
    app = App(f"sqlite:///{tmp_path}/app.db", **options)

    @app.workflow
    async def echo(ctx: Context, text: str) -> str:
        async def work() -> str:
            return text

        return await ctx.step("echo", work)

    return app


async def still_works(app: App) -> None:
    run = await app.start(app.workflows.get("echo"), "hello")
    async with asyncio.timeout(10):
        assert await run.result() == "hello"


def _app(app: App) -> Client:
    return app


def _client(app: App) -> Client:
    return app.client()


@pytest.mark.parametrize("door_of", [_app, _client])
async def test_a_second_entry_is_refused_and_the_first_goes_on(
    tmp_path: Path, door_of: Callable[[App], Client]
) -> None:
    app = an_app(tmp_path)
    door = door_of(app)
    async with door:
        with pytest.raises(AlreadyOpen, match=type(door).__name__):
            await door.__aenter__()
        if door is app:
            await still_works(app)
        assert await door.runs() is not None
    with pytest.raises(StoreClosed):
        await door.runs()


async def test_of_two_entries_at_the_same_time_one_is_refused(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    outcomes = await asyncio.gather(app.__aenter__(), app.__aenter__(), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["AlreadyOpen", "App"]
    await still_works(app)
    await app.__aexit__(None, None, None)


async def test_an_entry_from_another_loop_in_another_thread_is_refused(tmp_path: Path) -> None:
    app = an_app(tmp_path)

    async def enter() -> None:
        async with app:
            pass

    async with app:
        with pytest.raises(AlreadyOpen):
            await asyncio.to_thread(asyncio.run, enter())
        await still_works(app)


async def test_after_it_was_left_it_can_be_entered_again(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    for _ in range(2):
        async with app:
            await still_works(app)
            assert len(await app.store.workers.list()) == 1


async def test_an_entry_that_fails_leaves_it_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = an_app(tmp_path)

    async def fails() -> Store:
        raise StoreClosed("not now")

    with monkeypatch.context() as patch:
        patch.setattr(app, "open_store", fails)
        with pytest.raises(PerdureError, match="not now"):
            await app.__aenter__()
    async with app:
        await still_works(app)


async def test_an_app_and_clients_of_it_are_open_side_by_side(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    async with app, app.client() as one, app.client() as two:
        await still_works(app)
        assert len(await one.runs()) == len(await two.runs()) == 1


async def test_to_stop_the_work_before_the_app_is_entered_does_nothing(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    await app.stop_work()
    async with app:
        await still_works(app)
    await app.stop_work()


async def test_to_leave_while_the_work_stops_waits_for_it(tmp_path: Path) -> None:
    clock = FakeClock()
    app = an_app(tmp_path, clock=clock, grace=20.0)
    begun = asyncio.Event()

    async def work() -> str:
        begun.set()
        over = asyncio.Event()
        clock.call_after(10, over.set)
        await over.wait()
        return "done"

    @app.workflow
    async def works(ctx: Context) -> str:
        return await ctx.step("work", work)

    async with app:
        run = await app.start(works, run_id="run")
        await begun.wait()
        stopping = asyncio.ensure_future(app.stop_work())
        await clock.advance(1)
        assert not stopping.done()
        leaving = asyncio.ensure_future(app.__aexit__(None, None, None))
        await clock.advance(1)
        assert not leaving.done()
        await clock.until(leaving)
        assert stopping.done()
    async with app.client() as client:
        assert (await client.run(run.id).record()).status == "completed"
        assert await client.store.workers.list() == []


async def test_leaving_an_app_whose_step_will_not_end_closes_its_store_and_leaves_the_run_held(tmp_path: Path) -> None:
    clock = FakeClock()
    app = an_app(tmp_path, clock=clock, grace=1.0)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def unresponsive() -> None:
        begun.set()
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    @app.workflow
    async def works(ctx: Context) -> None:
        await ctx.step("unresponsive", unresponsive)

    await app.__aenter__()
    await app.start(works, run_id="run")
    await begun.wait()
    try:
        leaving = asyncio.ensure_future(app.__aexit__(None, None, None))
        await clock.advance(10)
        async with asyncio.timeout(10):
            await leaving
        async with app.client() as client:
            record = await client.run("run").record()
            assert record.status == "running"
            assert [worker.worker_id for worker in await client.store.workers.list()] == [record.worker_id]
            assert await client.store.workers.dead() == [], "its process lives"
    finally:
        may_end.set()


async def test_an_entry_that_is_cancelled_leaves_no_worker(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    for _ in range(12):
        app, registered = App(url), asyncio.Event()

        class Slow(WrappedStore):
            """Answers a registration when it has landed, and the test has seen that."""

            def around_commit(self, operations: Any, lease: Any, commit: Callable[[], Any]) -> Any:
                return self._register(commit) if isinstance(operations[0], RegisterWorker) else commit()

            async def _register(self, commit: Callable[[], Any]) -> Any:
                await commit()
                registered.set()  # noqa: B023 - awaited in this turn
                await asyncio.Event().wait()

        async def opened(app: App = app) -> Store:
            return Slow(await open_store(app.url))

        app.open_store = opened
        entering = asyncio.ensure_future(app.__aenter__())
        await registered.wait()
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        async with App(url).client() as client:
            assert await client.store.workers.list() == []


async def test_a_call_from_another_loop_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    app = an_app(tmp_path)

    def elsewhere() -> None:
        asyncio.run(app.start("echo", "hello"))

    async with app:
        with pytest.raises(StoreLoopWrong, match="run_coroutine_threadsafe"):
            await asyncio.to_thread(elsewhere)
        assert list(await app.runs()) == []
        loop = asyncio.get_running_loop()

        def rightly() -> str:
            return asyncio.run_coroutine_threadsafe(app.start("echo", "hello"), loop).result(10).id

        run_id = await asyncio.to_thread(rightly)
        assert await app.run(run_id).result() == "hello"


async def test_a_relative_store_is_the_one_of_where_the_app_was_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    app = App("sqlite:///app.db")
    client = app.client()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for door in (app, client, app, app.client()):
        async with door:
            await door.start("unknown", run_id="one")
            assert [run.run_id for run in await door.runs()] == ["one"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "here" / "app.db").exists()

"""Bad input is refused at the door: a typed error with field and reason, and nothing has changed."""

from __future__ import annotations

import asyncio
import functools
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

import perdure
from perdure import App
from perdure.core import topics
from perdure.core.records import Question
from perdure.errors import (
    IdInvalid,
    InputError,
    NameTaken,
    NotStorable,
    PerdureError,
    RunInputMismatch,
    SettingInvalid,
    StoreClosed,
    StoreInvalid,
    StoreTooNew,
    StoreUnavailable,
    StoreUrlInvalid,
)
from perdure.runs.workflow import Workflows
from tests.runs.cluster import Cluster


async def flow(ctx: perdure.Context, number: int = 1) -> int:
    return number


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


# Stores.


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://relative.db",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory",
        "mysql://x",
        "memory:x",
        "x",
    ],
)
async def test_a_store_url_that_names_nothing_is_refused(url: str) -> None:
    with pytest.raises(StoreUrlInvalid) as refused:
        await perdure.open_store(url)
    assert repr(url) in str(refused.value) or url in str(refused.value)


async def test_a_missing_folder_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUrlInvalid, match="missing"):
        await perdure.open_store(f"sqlite:///{tmp_path}/missing/runs.db")
    assert names_in(tmp_path) == []


async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "runs.db").mkdir()
    with pytest.raises((StoreInvalid, StoreUrlInvalid)):
        await perdure.open_store(f"sqlite:///{tmp_path}/runs.db")


@pytest.mark.parametrize("content", [b"no database at all, but a letter" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(content)
    with pytest.raises(StoreInvalid):
        await perdure.open_store(f"sqlite:///{path}")
    assert path.read_bytes() == content
    assert names_in(tmp_path) == ["runs.db"]


async def test_a_database_of_the_future_is_refused_and_left_as_it_is(tmp_path: Path) -> None:

    path = tmp_path / "runs.db"
    store = await perdure.open_store(f"sqlite:///{path}")
    await store.close()
    connection: Any = apsw.Connection(str(path))
    connection.pragma("user_version", 999)
    connection.close()
    content = path.read_bytes()
    with pytest.raises(StoreTooNew) as refused:
        await perdure.open_store(f"sqlite:///{path}")
    assert refused.value.found == 999
    assert path.read_bytes() == content


OPENS = """
import asyncio, sys, perdure
try:
    asyncio.run(perdure.open_store(sys.argv[1]))
except perdure.PerdureError as error:
    print(type(error).__name__, error)
"""
READ_ONLY = 'mount -t tmpfs none "$1" && mount -o remount,ro "$1" && exec "$2" -c "$3" "sqlite:///$1/runs.db"'


@pytest.mark.real
def test_a_folder_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    """A mount that is read-only, because root may write anywhere else."""
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces: unshare is missing, or needs root")
    command = [unshare, "-m", "sh", "-c", READ_ONLY, "sh", str(tmp_path), sys.executable, OPENS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.startswith("StoreUrlInvalid"), done.stderr
    assert "can't write" in done.stdout


async def test_a_workers_folder_that_can_not_be_made_is_a_store_error_and_hangs_nobody(tmp_path: Path) -> None:
    (tmp_path / "runs.db-workers").write_text("in the way")
    store = await perdure.open_store(f"sqlite:///{tmp_path}/runs.db")
    worker = perdure.Worker(store, Workflows())
    async with asyncio.timeout(30):
        with pytest.raises(StoreUnavailable) as refused:
            await worker.start()
        assert not refused.value.transient
        assert await store.workers.list() == []
        app = App(f"sqlite:///{tmp_path}/runs.db")
        with pytest.raises(StoreUnavailable):
            await app.__aenter__()
        await store.close()


async def test_a_store_that_was_closed_says_so(cluster: Cluster) -> None:
    run = await cluster.start(flow)
    store = await cluster.another_store()
    await cluster.close()
    with pytest.raises(StoreClosed):
        await run.emit_event("go")
    with pytest.raises(StoreClosed):
        await store.runs.get("run", tenant=None)
    with pytest.raises(StoreClosed):
        store.watch(topics.run(None, "run"))


def test_an_app_that_is_not_open_says_so() -> None:
    with pytest.raises(StoreClosed, match="open it first"):
        _ = App("memory:").store


# Apps and workflows.


def test_two_workflows_with_one_name_are_refused() -> None:
    app = App("memory:")
    app.workflow(flow)
    with pytest.raises(NameTaken, match="flow") as refused:

        @app.workflow(name="flow")
        async def other(ctx: perdure.Context) -> None: ...

    assert refused.value.code == "name_taken"
    assert [one.name for one in app.workflows] == ["flow"]


@pytest.mark.parametrize("name", ["a\0b", "x" * 513])
def test_a_workflow_name_that_is_no_id_is_refused(name: str) -> None:
    with pytest.raises(IdInvalid):
        App("memory:").workflow(name=name)(flow)


def test_a_workflow_that_is_not_async_is_refused() -> None:
    def plain(ctx: perdure.Context) -> int:
        return 1

    with pytest.raises(SettingInvalid, match="plain"):
        App("memory:").workflow(plain)  # type: ignore[arg-type] - that is the test


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("lease_for", 0),
        ("lease_for", -5),
        ("lease_for", float("nan")),
        ("slots", 0),
        ("slots", -1),
        ("grace", -1),
        ("grace", float("nan")),
        ("queues", {"mail": 0}),
    ],
)
async def test_a_worker_setting_that_makes_no_sense_is_refused(memory: Cluster, option: str, value: Any) -> None:
    with pytest.raises(SettingInvalid, match=option if option != "queues" else "mail"):
        perdure.Worker(memory.store, memory.workflows, **{option: value})


# Runs.


@pytest.mark.parametrize("run_id", ["", "a\0b", "x" * 513, "é" * 257, "\udfff", 7, b"run"])
async def test_a_run_id_that_is_no_id_is_refused(cluster: Cluster, run_id: Any) -> None:
    with pytest.raises(IdInvalid) as refused:
        await cluster.start(flow, run_id=run_id)
    assert refused.value.field == "run_id"
    with pytest.raises(IdInvalid):
        cluster.client.run(run_id)
    assert await cluster.client.runs() == []


@pytest.mark.parametrize("field", ["queue", "project_id", "scenario_id", "tenant"])
@pytest.mark.parametrize("value", ["a\0b", "x" * 513, "\udfff", 7])
async def test_whatever_names_something_is_checked_like_an_id(cluster: Cluster, field: str, value: Any) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(InputError) as refused:
            await cluster.start(flow, **{field: value})
    assert field in str(refused.value)
    assert await cluster.client.runs() == []


@pytest.mark.parametrize("tags", [{"n": 1}, {"n": None}, {1: "n"}, {"n": ["x"]}, {"n": "\udfff"}])
async def test_tags_are_texts(cluster: Cluster, tags: Any) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(InputError) as refused:
            await cluster.start(flow, tags=tags)
    assert "tags" in str(refused.value)
    assert await cluster.client.runs() == []


async def test_the_same_id_with_another_input_is_refused_and_the_run_is_as_it_was(cluster: Cluster) -> None:
    await cluster.start(flow, 1)
    before = await cluster.record()
    with pytest.raises(RunInputMismatch) as refused:
        await cluster.start(flow, 2)
    assert refused.value.run_id == "run"
    assert refused.value.found != refused.value.given
    assert await cluster.record() == before
    assert (await cluster.start(flow, 1)).id == "run"
    assert await cluster.record() == before


async def test_the_same_id_for_another_workflow_is_refused(cluster: Cluster) -> None:
    async def other(ctx: perdure.Context, number: int = 1) -> int:
        return number

    await cluster.start(flow, 1)
    with pytest.raises(RunInputMismatch, match="run 'run' exists as a run of workflow 'flow', and not of 'other'"):
        await cluster.start(other, 1)


def cached() -> Any:
    async def flow(ctx: perdure.Context) -> int:
        return 1

    return functools.cache(flow)


@pytest.mark.parametrize("wrapped", [functools.partial, functools.cache], ids=["in a partial", "twice"])
async def test_a_cached_workflow_is_refused(cluster: Cluster, wrapped: Any) -> None:
    with pytest.raises(SettingInvalid, match="is cached: a second run would get the coroutine of the first one"):
        cluster.workflow(wrapped(cached()))


@pytest.mark.parametrize("reason", ["\udfff", "x" * 9_000_000])
async def test_a_reason_that_can_not_be_stored_is_no_reason_to_hang_or_to_stay(cluster: Cluster, reason: str) -> None:
    run = await cluster.start(flow)
    async with asyncio.timeout(10):
        try:
            record = await run.cancel(reason)
        except InputError:
            assert await cluster.status() == "queued"
        else:
            assert record.status == "cancelled"


async def in_doubt(cluster: Cluster) -> Question:
    async def asks(ctx: perdure.Context) -> None:
        await ctx.step("slow", asyncio.Event().wait, timeout=2, in_doubt="ask")

    await cluster.start(asks)
    await cluster.start_worker()
    await cluster.clock.advance(5)
    (question,) = await cluster.client.questions.list()
    return question


async def test_an_answer_that_can_not_be_stored_is_refused_and_the_question_stays_open(cluster: Cluster) -> None:
    question = await in_doubt(cluster)
    with pytest.raises(NotStorable):
        await cluster.client.questions.answer(question.question_id, "value", float("nan"))
    assert await cluster.client.questions.list() == [question]


async def test_who_answers_is_checked_too(cluster: Cluster) -> None:
    question = await in_doubt(cluster)
    with pytest.raises(InputError):
        await cluster.client.questions.answer(question.question_id, "again", by="\udfff")
    assert await cluster.client.questions.list() == [question]


@pytest.mark.parametrize("name", ["a\0b", "\udfff", "x" * 100_000, ""])
async def test_a_step_may_be_called_whatever_can_be_stored_and_anything_else_is_a_typed_error(
    cluster: Cluster, name: str
) -> None:
    async def work() -> int:
        cluster.done.append("worked")
        return 1

    async def named(ctx: perdure.Context) -> str:
        try:
            await ctx.step(name, work)
        except PerdureError as error:
            return type(error).__name__
        return "worked"

    run = await cluster.start(named)
    await cluster.start_worker()
    async with asyncio.timeout(10):
        found = await cluster.result(run)
    assert (found == "worked") == (cluster.done == ["worked"])
    if found == "worked":
        assert (await cluster.step("0")).name == name


@pytest.mark.parametrize("kind", ["a\0b", "\udfff"])
async def test_a_kind_that_can_not_be_stored_is_a_typed_error(cluster: Cluster, kind: str) -> None:
    async def work() -> int:
        return 1

    async def named(ctx: perdure.Context) -> str:
        try:
            await ctx.step("work", work, kind=kind)
        except PerdureError as error:
            return type(error).__name__
        return "worked"

    run = await cluster.start(named)
    await cluster.start_worker()
    async with asyncio.timeout(10):
        assert await cluster.result(run)


async def test_a_fingerprint_without_a_canonical_form_is_refused_before_the_effect(cluster: Cluster) -> None:
    async def work() -> None:
        cluster.done.append("worked")

    async def wrong(ctx: perdure.Context) -> str:
        try:
            await ctx.step("work", work, fingerprint={"n": 2**64})
        except NotStorable as error:
            return error.field
        return "nothing was noticed"

    assert (await cluster.run(wrong)).startswith("fingerprint")
    assert cluster.done == []


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e18])
@pytest.mark.parametrize("call", ["sleep", "event"])
async def test_a_time_that_makes_no_sense_is_a_typed_error(memory: Cluster, seconds: float, call: str) -> None:
    async def waits(ctx: perdure.Context) -> str:
        try:
            await (ctx.sleep(seconds) if call == "sleep" else ctx.await_event("go", timeout=seconds))
        except SettingInvalid as error:
            return str(error)
        return "nothing was noticed"

    run = await memory.start(waits)
    await memory.start_worker()
    await memory.clock.advance(1)
    assert (await run.record()).status == "completed", await run.record()
    assert await run.result() != "nothing was noticed"

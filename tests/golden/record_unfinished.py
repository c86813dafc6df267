"""How what is unfinished is recorded: each function makes one kept file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from perdure.core import keys
from perdure.core.manifest import Manifest, TaskSpec
from perdure.core.operations import AddThreadEvent, CreateThread, Emit
from perdure.core.records import KeyHold, RunRecord, RunStatus
from perdure.core.threads import ThreadRecord, TurnRef
from perdure.runs.starting import creation
from perdure.stores import open_store
from tests.golden.keeping import keep, until
from tests.golden.unfinished import Unfinished

ROOT = Path(__file__).parents[2]


async def record_asked(folder: Path) -> None:
    """A step in doubt, about which a person is asked; one that was answered; steps that timed out."""
    programs = Unfinished("memory:", is_first=True)
    async with programs.app as app:
        strict = await app.start("strict", run_id="strict")
        await strict.result()
        refused = await app.start("charges", run_id="refused")
        await until(lambda: _is(refused.record, "suspended"))
        await app.questions.resolve("refused", "1", "failed", by="ana")
        await refused.result()
        await app.start("charges", run_id="charges")
        await until(lambda: _is(app.run("charges").record, "suspended"))
        await keep(app.store, programs.executed, "doubt-asked", folder)


async def record_turns_unfinished(folder: Path) -> None:
    """A turn that waits for a person, one that was stopped, one that its provider cut off."""
    programs = Unfinished("memory:", is_first=True)
    async with programs.app as app:
        asked = await app.threads.create("payer", thread_id="asked")
        turn = await asked.send("Pay")
        await until(lambda: _is(turn.record, "suspended"))
        stopped = await app.threads.create("talker", thread_id="stopped")
        talk = await stopped.send("Count")
        await programs.is_held.wait()
        await talk.stop("enough")
        cut_off = await app.threads.create("short", thread_id="cut_off")
        await (await cut_off.send("Go on")).result()
        await keep(app.store, programs.executed, "turns-unfinished", folder)


async def record_times(folder: Path) -> None:
    """A run and a turn that wait for a time, and for their next attempt."""
    programs = Unfinished("memory:", is_first=True)
    async with programs.app as app:
        thread = await app.threads.create("patient", thread_id="thread")
        turn = await thread.send("Say")
        await until(lambda: _is(turn.record, "suspended"))
        run = await app.start("waits", run_id="waits")
        await until(lambda: _is(run.record, "suspended"))
        await app.start("parent", run_id="parent")

        async def all_wait() -> bool:
            runs = await app.store.runs.list(tenant=None)
            return len(runs) == 4 and all(run.status == "suspended" for run in runs)

        await until(all_wait)
        await keep(app.store, programs.executed, "times-waiting", folder)


async def record_parked(folder: Path) -> None:
    """A run that code which disagrees has parked."""
    with TemporaryDirectory() as place:
        url = f"sqlite:///{place}/runs.db"
        async with Unfinished(url).app as app:
            run = await app.start("changed", run_id="changed")
            await until(lambda: _is(run.record, "suspended"))
        changed = Unfinished(url, has_changed=True)
        async with changed.app as app:
            run = app.run("changed")
            await run.emit_event("go", "went")

            async def is_parked() -> bool:
                return (await run.record()).is_parked

            await until(is_parked)
            await keep(app.store, changed.executed, "changed-parked", folder)


async def record_killed(folder: Path) -> None:
    """Runs and a turn whose process was killed in their middle; its worker's row is kept with them."""
    with TemporaryDirectory() as place:
        url = f"sqlite:///{place}/runs.db"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.golden.killed", url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await child.communicate()
        assert child.returncode == -9
        store = await open_store(url)
        try:
            await keep(store, said.decode().split(), "process-killed", folder, with_workers=True)
        finally:
            await store.close()


async def record_rows(folder: Path) -> None:
    """What a store keeps and no program makes yet: concurrency keys, channels, forks; and what was deleted."""
    programs = Unfinished("memory:")
    app = programs.app
    async with app.client() as client:
        store, now = client.store, client.clock.now()
        workflow = app.workflows.get("strict")
        holds: tuple[KeyHold, ...] = ("until_end", "while_running")
        for hold in holds:
            for number in (1, 2):
                manifest = Manifest(task=TaskSpec(id="strict"), input=[])
                made = creation(workflow, manifest, run_id=f"{hold}-{number}", at=now)
                await store.execute(msgspec.structs.replace(made, key=hold, hold=hold))
        for number in (1, 2):
            emit = Emit(
                tenant=None,
                run_id="until_end-1",
                key=keys.channel("orders"),
                payload=b"%d" % number,
                at=now,
                emit_id=f"emit-{number}",
                many=True,
            )
            await store.execute(emit)
        gone = await client.start(workflow, run_id="gone")
        await gone.cancel()
        await gone.delete()
        thread = await client.threads.create("talker", thread_id="root")
        await thread.send("Hello")
        await store.execute(
            AddThreadEvent(tenant=None, thread_id="root", event_id="named", kind="title", body={"to": "a"}, at=now)
        )
        fork = ThreadRecord(thread_id="fork", agent="talker", created_at=now, root=TurnRef("root", 1))
        await store.execute(CreateThread(thread=fork))
        await client.threads.delete("root")
        await client.threads.create("talker", thread_id="unused")
        await client.threads.delete("unused")
        await keep(store, programs.executed, "rows-made", folder)


async def _is(record: Callable[[], Awaitable[RunRecord]], status: RunStatus) -> bool:
    return (await record()).status == status

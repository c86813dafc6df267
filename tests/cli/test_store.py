"""`perdure store restore`: a copy is refused until it is accepted, and what it may not know of is named."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from perdure import App, Context
from tests.cli.shell import Shell
from tests.cli.watching import reach

pytestmark = pytest.mark.slow


async def paid(ctx: Context) -> None:
    await ctx.step("reserve", lambda: 1)
    await ctx.step("pay", asyncio.sleep, 60, in_doubt="ask", timeout=0.05)


async def finished(ctx: Context) -> str:
    return ctx.run_id


async def cut_off(ctx: Context) -> None:
    await ctx.step("ship", asyncio.Event().wait, in_doubt="ask")


def prepare(shell: Shell, *, end: bool = True) -> App:
    """A run that asks, one that is over, and one that is in a step when its worker is cut off."""

    async def work() -> None:
        async with app:
            asks = await app.start(app.workflow(paid), run_id="paid")
            await (await app.start(app.workflow(finished), run_id="finished")).result()
            await reach(app, asks.id, "suspended")
            await app.start(app.workflow(cut_off), run_id="cut off")
            while not await app.store.steps.list("cut off", tenant=None):  # noqa: ASYNC110 - the store is what is watched
                await asyncio.sleep(0.01)

    app = App(shell.store, grace=0.0)
    asyncio.run(work())
    return app


def copied(shell: Shell) -> Path:
    return Path(shutil.copy(shell.folder / "perdure.db", shell.folder / "copy.db"))


def test_a_copy_is_refused_until_it_is_restored_and_its_open_ends_are_named(shell: Shell) -> None:
    prepare(shell)
    copy = copied(shell)
    url = f"sqlite:///{copy}"
    refused = shell.run("runs", "list", "--store", url)
    assert refused.returncode == 9
    assert f"perdure store restore {copy}" in " ".join(refused.stderr.split())
    restored = shell.run("store", "restore", str(copy))
    assert restored.returncode == 0, restored.stderr
    lines = {line.split("  ")[0]: line.rstrip() for line in restored.stdout.splitlines()}
    assert "epoch" in restored.stdout
    assert lines["paid"].split()[1:3] == ["suspended", "1"]
    assert lines["paid"].endswith("1 pay")
    assert lines["cut off"].endswith("0 ship")
    assert "finished" not in restored.stdout
    assert shell.run("runs", "list", "--store", url).returncode == 0
    assert shell.run("runs", "list").returncode == 0


def test_each_restore_raises_the_epoch(shell: Shell) -> None:
    prepare(shell)
    epochs = list[str]()
    for _ in range(3):
        said = shell.run("store", "restore", "perdure.db").stdout
        epochs.append(next(line.split()[1] for line in said.splitlines() if line.startswith("epoch")))
    assert epochs == ["2", "3", "4"]


def test_a_file_that_is_in_use_or_missing_is_not_restored(shell: Shell) -> None:
    prepare(shell)
    assert shell.run("store", "restore", "missing.db").returncode == 3
    assert not (shell.folder / "missing.db").exists()

    async def meanwhile() -> None:
        async with App(shell.store).client():
            ended = await asyncio.to_thread(shell.run, "store", "restore", "perdure.db")
            assert ended.returncode == 9
            assert "a process has it open" in ended.stderr

    asyncio.run(meanwhile())


@pytest.mark.parametrize("log", ["keep", "aside"])
def test_a_log_that_may_be_anothers_is_neither_applied_nor_removed_unasked(shell: Shell, log: str) -> None:
    prepare(shell)
    copy = copied(shell)
    (shell.folder / "perdure.db-wal").write_bytes(b"what the old file had not moved yet")
    copy.rename(shell.folder / "perdure.db")
    assert shell.run("runs", "list").returncode == 9
    undecided = shell.run("store", "restore", "perdure.db")
    assert undecided.returncode == 3
    assert "aside" in undecided.stderr
    restored = shell.run("store", "restore", "perdure.db", "--log", log)
    assert restored.returncode == 0, restored.stderr
    aside = list(shell.folder.glob("perdure.db-wal-aside-*"))
    assert [path.read_bytes() for path in aside] == ([b"what the old file had not moved yet"] if log == "aside" else [])
    assert shell.run("runs", "list").returncode == 0


def test_a_store_is_copied_and_goes_on_in_the_copy(shell: Shell) -> None:
    async def start() -> None:
        async with App(shell.store, grace=0.0) as app:
            await (await app.start(app.workflow(finished), run_id="finished")).result()

    asyncio.run(start())
    copied = shell.run("store", "copy", shell.store, "sqlite:///moved.db")
    assert copied.returncode == 0, copied.stderr
    assert ["runs", "1"] in [line.split() for line in copied.stdout.splitlines()]
    assert "finished" in shell.run("runs", "list", "--store", "sqlite:///moved.db").stdout
    again = shell.run("store", "copy", shell.store, "sqlite:///moved.db")
    assert again.returncode == 9
    assert "is not empty" in again.stderr
    assert shell.run("store", "copy", shell.store, "memory:").returncode == 3

"""A disk that is full, and one whose fsync fails: a store error that is retried, no effect twice, the file intact."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from perdure.stores import open_store
from tests.chaos.player import Ledger
from tests.chaos.processes import child, damage

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.real]
SMALL = 'mount -t tmpfs -o size=1m none "$1" && head -c 450000 /dev/zero > "$1/ballast" && shift && exec "$@"'


@pytest.fixture
def small(tmp_path: Path) -> tuple[str, ...]:
    """A command that starts another one where a folder is a disk of 1 MB, of which it has half."""
    unshare = shutil.which("unshare")
    folder = tmp_path / "small"
    folder.mkdir()
    if unshare is None:
        pytest.skip("unshare is missing")
    command = (unshare, "-m", "sh", "-c", SMALL, "sh", str(folder))
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no mount namespaces here: {tried.stderr.strip()}")
    return command


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
LOOK = """
import asyncio, sys
from perdure.errors import PerdureError
from perdure.stores import open_store

async def main():
    try:
        await open_store(sys.argv[1])
    except PerdureError as error:
        print(error.code, error)

asyncio.run(main())
"""


@pytest.mark.parametrize("there", [True, False], ids=["a file that is there", "a new file"])
async def test_a_read_only_disk_is_said_to_be_one_and_nothing_is_lost(tmp_path: Path, *, there: bool) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is missing")
    url = f"sqlite:///{tmp_path}/runs.db"
    if there:
        await (await open_store(url)).close()
    tried = subprocess.run(  # noqa: ASYNC221 - nothing else runs here
        [unshare, "-m", "sh", "-c", READ_ONLY, "sh", str(tmp_path), sys.executable, "-c", LOOK, url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "unshare failed" in tried.stderr or "mount:" in tried.stderr:
        pytest.skip(f"no mount namespaces here: {tried.stderr.strip()}")
    code, _, said = tried.stdout.partition(" ")
    assert (code, tried.stderr) == ("store_unavailable" if there else "store_url_invalid", "")
    assert "can't be written" in said or "can't write there" in said
    await (await open_store(url)).close()


async def test_a_full_disk_is_a_store_error_and_when_there_is_room_again_everything_goes_on(
    tmp_path: Path, small: tuple[str, ...]
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    folder = tmp_path / "small"
    url = f"sqlite:///{folder}/runs.db"
    async with child("fill", url, ledger.path, f"{folder}/ballast", prefix=small) as filler:
        assert await filler.line() == "ended False"
        said = await filler.line()
        assert said.startswith("StoreUnavailable"), said
        assert "full" in said
        assert await filler.line() == "done 1 20"
        assert await filler.line() == "damage []"
        assert await filler.end() == 0
    effects = Counter(entry.what for entry in ledger.entries())
    assert set(effects.values()) == {1}, effects
    assert len(effects) == 20


@pytest.fixture(scope="module")
def failsync(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lets fsync fail while a file exists."""
    cc = shutil.which("cc")
    if cc is None:
        pytest.skip("cc is missing")
    library = tmp_path_factory.mktemp("failsync") / "failsync.so"
    source = Path(__file__).with_name("failsync.c")
    subprocess.run([cc, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


async def test_a_failing_fsync_is_a_store_error_and_when_it_works_again_everything_goes_on(
    tmp_path: Path, failsync: Path
) -> None:
    url, ledger, flag = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger"), tmp_path / "flag"
    env = {"LD_PRELOAD": str(failsync), "FAILSYNC_FLAG": str(flag)}
    async with child("unsynced", url, ledger.path, str(flag), env=env) as player:
        said = await player.line()
        assert said.startswith("StoreUnavailable"), said
        assert await player.line() == "still running"
        assert await player.line() == "done 1 20"
        assert await player.end() == 0
    effects = Counter(entry.what for entry in ledger.entries())
    assert set(effects.values()) == {1}, effects
    assert len(effects) == 20
    assert damage(tmp_path / "runs.db") == []


async def test_a_process_that_is_killed_while_its_fsync_fails_leaves_an_intact_file(
    tmp_path: Path, failsync: Path
) -> None:
    url, ledger, flag = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger"), tmp_path / "flag"
    env = {"LD_PRELOAD": str(failsync), "FAILSYNC_FLAG": str(flag)}
    async with child("unsynced", url, ledger.path, str(flag), env=env) as player:
        assert (await player.line()).startswith("StoreUnavailable")
        await player.kill()
    flag.unlink()
    before = ledger.entries()
    store = await open_store(url)
    steps = {step.position for step in await store.steps.list("run", tenant=None) if step.status == "completed"}
    await store.close()
    async with child("unsynced", url, ledger.path, "") as player:
        async with asyncio.timeout(60):
            assert (await player.line()).startswith("done ")
        assert await player.end() == 0
    again = [entry.position for entry in ledger.entries()[len(before) :]]
    assert [position for position in again if position in steps] == []
    assert damage(tmp_path / "runs.db") == []

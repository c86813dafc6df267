"""Two workers in two containers that look alike: one host name, one pid, one boot; death is proven, never guessed."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from perdure.stores import open_store
from tests.chaos.player import Ledger, start
from tests.chaos.processes import child, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.real]


@pytest.fixture
def alike() -> tuple[str, ...]:
    """A command that starts another one as pid 1 of a container named `twin`."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is missing")
    command = (unshare, "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "sh", "-c")
    inside = 'hostname twin && exec "$@"'
    tried = subprocess.run([*command, inside, "sh", "hostname"], capture_output=True, text=True, check=False)
    if tried.stdout.strip() != "twin":
        pytest.skip(f"no pid namespaces here: {tried.stderr.strip()}")
    return (*command, inside, "sh")


async def test_nothing_is_poisoned_while_both_live_and_a_death_is_proven_across(
    tmp_path: Path, alike: tuple[str, ...]
) -> None:
    url, ledger, flag = f"sqlite:///{tmp_path}/runs.db", Ledger(tmp_path / "ledger"), tmp_path / "flag"
    store = await open_store(url)
    async with (
        child("work", url, ledger.path, "3", prefix=alike) as one,
        child("work", url, ledger.path, "3", prefix=alike) as other,
    ):
        ids = [await one.line(), await other.line()]  # said when both have registered
        workers = {worker.worker_id: worker for worker in await store.workers.list()}
        assert {(workers[name].host, workers[name].pid) for name in ids} == {("twin", 1)}
        assert len({workers[name].boot_id for name in ids}) == 1
        runs = [await start(store, "stalls", f"run {number}", str(flag)) for number in range(8)]

        async def all_wait() -> bool:
            return sum(entry.what == "waits" for entry in ledger.entries()) == 8

        await eventually(all_wait, "eight runs are inside their step")
        await asyncio.sleep(4.0)  # longer than the lease, many times longer than between two looks for the dead
        records = [await run.record() for run in runs]
        assert {(record.token, record.suspicion) for record in records} == {(1, None)}
        assert {worker.worker_id for worker in await store.workers.list()} == set(ids)
        (victim,) = {record.worker_id for record in records[:1]}
        dead, lives = (one, other) if victim == ids[0] else (other, one)
        await dead.kill()

        async def only_one_is_left() -> bool:
            return victim not in {worker.worker_id for worker in await store.workers.list()}

        began = asyncio.get_running_loop().time()
        await eventually(only_one_is_left, "the death is proven", within=10)
        assert asyncio.get_running_loop().time() - began < 2.5, "its lease ended first"
        flag.touch()
        async with asyncio.timeout(30):
            await asyncio.gather(*[run.result() for run in runs])
        await lives.end()
    await store.close()

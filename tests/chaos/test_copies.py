"""A file that is copied while it is in use: each copy is refused; what can be accepted is a whole earlier state."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from perdure.errors import StoreInvalid, StoreReplaced
from perdure.stores import open_store, restore_store
from perdure.stores.sqlite import group
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.harness import StoreHarness
from tests.chaos.processes import damage

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

# In a process of its own: to close a descriptor of the file here would drop the locks of the store.
COPY = """
import shutil, sys
for number in range(int(sys.argv[3])):
    for end in sys.argv[4:]:
        shutil.copy(sys.argv[1] + end, f"{sys.argv[2]}/copy-{number}.db{end}")
"""
COPIES = 12


@pytest.mark.parametrize("ends", [("",), ("", "-wal")], ids=["the file", "the file and its log"])
async def test_each_copy_is_refused_and_those_that_are_accepted_hold_an_earlier_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: tuple[str, ...]
) -> None:
    monkeypatch.setattr(group, "CHECKPOINT_PAGES", 20)
    path = tmp_path / "perdure.db"
    store = await open_store(f"sqlite:///{path}")
    harness = StoreHarness(store, store.url, "", open_store, ManualClock())
    lease, number = await harness.running(), 0
    copier = await asyncio.create_subprocess_exec(sys.executable, "-c", COPY, path, tmp_path, str(COPIES), *ends)
    copied = asyncio.create_task(copier.wait())
    while not copied.done():
        await harness.commit(lease, harness.step(str(number)))
        number += 1
        await asyncio.sleep(0)
    assert await copied == 0
    accepted = 0
    for copy in (tmp_path / f"copy-{each}.db" for each in range(COPIES)):
        url = f"sqlite:///{copy}"
        with pytest.raises((StoreReplaced, StoreInvalid)):
            await open_store(url)
        try:
            await restore_store(url, log="keep")
        except StoreInvalid:
            continue  # it was copied in the middle of a checkpoint
        accepted += 1
        assert damage(copy) == []
        restored = await open_store(url)
        positions = [int(step.position) for step in await restored.steps.list("run", tenant=None)]
        assert positions == list(range(len(positions)))
        await restored.close()
    assert accepted
    assert len(await store.steps.list("run", tenant=None)) == number
    await store.close()

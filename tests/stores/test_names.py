"""One file under several names: the locks are those of the file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.core.operations import RegisterWorker
from perdure.stores import open_store

AT = datetime(2026, 1, 1, tzinfo=UTC)
REGISTER = RegisterWorker(worker_id="one", incarnation="1", at=AT, lease_for=100.0)


async def test_a_worker_that_lives_is_not_proven_dead_through_another_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to("perdure.db")
    left = tmp_path / "link.db-workers" / "one"  # what a worker of this name left that was killed
    left.parent.mkdir()
    left.touch()
    store = await open_store(f"sqlite:///{tmp_path}/perdure.db")
    linked = await open_store(f"sqlite:///{tmp_path}/link.db")
    await store.execute(REGISTER)
    assert await linked.workers.dead() == []
    await linked.close()
    await store.close()


async def test_locks_stay_beside_the_file_when_the_process_changes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = await open_store("sqlite:///perdure.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    await store.execute(REGISTER)
    await store.close()
    assert list((tmp_path / "elsewhere").iterdir()) == []

"""Everything of one store into another one, compared afterwards."""

from __future__ import annotations

from collections import Counter

from perdure.core.decisions import changes
from perdure.core.decisions.changes import Change
from perdure.errors import StoreInUse, StoreInvalid
from perdure.stores.port import Store

KINDS: dict[type[Change], str] = {
    changes.InsertThread: "threads",
    changes.HideThread: "deleted threads that forks need",
    changes.InsertTurn: "turns",
    changes.InsertThreadEvent: "events of threads",
    changes.InsertMessage: "messages",
    changes.WriteParts: "parts of messages",
    changes.InsertRun: "runs",
    changes.WriteStep: "steps",
    changes.InsertEvent: "events",
    changes.InsertEntries: "entries of streams",
    changes.InsertUsage: "rows of usage",
    changes.WriteQuestion: "questions",
    changes.WriteKey: "concurrency keys",
    changes.WriteTombstone: "marks of what was deleted",
}
"""What an export is made of, by the words for a person."""


async def copy_store(source: Store, target: Store) -> dict[str, int]:
    """Copy all rows but those of workers into an empty store, and compare what both of them export then.

    Shape: how many of each kind, kinds that are not there left out. All is held in memory, and is written whole and
    durable or not at all, so a target that a copy was cut short into is empty. The source stays as it is.
    Raises: StoreInUse where the source is not idle, or changed meanwhile; StoreNotEmpty; StoreInvalid where the target
    holds something else than what was written. Only in the last case and after a change is the target not empty.
    """
    await check_idle(source)
    rows = await _exported(source)
    held = next((row.run for row in rows if isinstance(row, changes.InsertRun) and row.run.worker_id), None)
    if held is not None:
        raise StoreInUse(source.url, f"run {held.run_id!r} is held by worker {held.worker_id!r}")
    await target.transfer.load(rows)
    if await _exported(target) != rows:
        raise StoreInvalid(target.url, "the copy is not what was read; remove it")
    await check_idle(source)
    if await _exported(source) != rows:
        raise StoreInUse(source.url, "it changed while it was copied; remove the copy")
    counts = Counter(KINDS[type(row)] for row in rows)
    return {kind: counts[kind] for kind in KINDS.values() if counts[kind]}


async def check_idle(store: Store) -> None:
    """Refuse a store in which a worker lives. Raises: StoreInUse."""
    dead = {one.worker.worker_id for one in await store.workers.dead()}
    for worker in await store.workers.list():
        if worker.worker_id not in dead:
            raise StoreInUse(store.url, f"worker {worker.worker_id!r} lives")


async def _exported(store: Store) -> list[Change]:
    return [change async for batch in store.transfer.export() for change in batch]

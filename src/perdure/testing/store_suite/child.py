"""What a child process of the suite does. A script, not an import: so that it starts fast, without the suite.

    python child.py OPENER URL ACTION RUN WORKER [LEASE_NOW]

It says `ready` when the store is open, waits for a line, acts, and says what came of it, a line each. It stops when
its input ends, so that it outlives nobody.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from pkgutil import resolve_name
from typing import NamedTuple

from perdure.core.chunks import Entry
from perdure.core.records import Lease, WorkerRecord
from perdure.errors import LeaseHeld, PerdureError
from perdure.stores.port import AppendEntries, CreateRun, Emit, RegisterWorker, Store, TakeRun

AT = datetime(2026, 1, 1, tzinfo=UTC)
BOOT = "boot-1"
LEASE_FOR = 30.0


class Part(NamedTuple):
    """What a child has to work with."""

    store: Store
    run_id: str
    worker_id: str
    lease_now: float

    def register(self) -> RegisterWorker:
        """The child's worker."""
        until = self.lease_now + LEASE_FOR
        worker = WorkerRecord(worker_id=self.worker_id, boot_id=BOOT, lease_until=until, started_at=AT, renewed_at=AT)
        return RegisterWorker(worker=worker)

    async def start(self) -> Lease:
        """Make the run, unless it is there, and take it: in one commit."""
        run = CreateRun(run_id=self.run_id, workflow="flow", manifest=b"{}", manifest_hash="hash", seed="seed", at=AT)
        take = TakeRun(run_id=self.run_id, worker_id=self.worker_id, at=AT, lease_now=self.lease_now, boot_id=BOOT)
        landed = await self.store.commit(self.register(), run, take)
        return Lease(self.run_id, self.worker_id, landed[2].run.token)


def say(what: object) -> None:
    """Write a line."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def start(part: Part) -> None:
    """Say whether the run is ours; where it is, live on: the death of its holder would be proven."""
    try:
        await part.start()
    except LeaseHeld:
        say("held")
    else:
        say("started")
        await asyncio.Event().wait()


async def append(part: Part) -> None:
    """Append entries one by one, and say each seq once it is acknowledged."""
    lease = await part.start()
    head = (await part.store.streams.read(part.run_id)).head
    for seq in count(head + 1):
        await part.store.commit(AppendEntries(part.run_id, (Entry(seq, seq, b"[]"),)), lease=lease)
        say(seq)


async def emit(part: Part) -> None:
    """Emit one key, and say whose event stayed."""
    event = Emit(run_id=part.run_id, key="go", payload=part.worker_id.encode(), at=AT)
    emitted = (await part.store.commit(event))[0]
    say(f"{emitted.accepted} {emitted.event.payload.decode()}")


async def live(part: Part) -> None:
    """Hold a run, until the end."""
    await part.start()
    say("living")
    await asyncio.to_thread(sys.stdin.readline)


async def watch(part: Part) -> None:
    """Say each news of a run."""
    news = part.store.watch(f"run:{part.run_id}")
    say("watching")
    while True:
        await news.wait()
        say(len(await part.store.events.list(part.run_id)))


async def fork(part: Part) -> None:
    """Use the store in the child of a fork, which says how it was refused; then here, where it must go on."""
    lease = await part.start()
    child = os.fork()
    if child == 0:
        asyncio.run(_use_forked(part))
        os._exit(0)
    await asyncio.to_thread(os.waitpid, child, 0)
    await part.store.commit(AppendEntries(part.run_id, (Entry(1, 1, b"[]"),)), lease=lease)
    say("appended")


async def _use_forked(part: Part) -> None:
    for use in (lambda: part.store.commit(part.register()), lambda: part.store.runs.get(part.run_id)):
        try:
            await use()
        except PerdureError as error:
            say(type(error).__name__)
        else:
            say("taken")


ACTIONS: dict[str, Callable[[Part], Awaitable[None]]] = {
    "start": start,
    "append": append,
    "emit": emit,
    "live": live,
    "watch": watch,
    "fork": fork,
}


async def main(opener: str, url: str, action: str, run_id: str, worker_id: str, lease_now: str = "1000") -> None:
    """Act, when the line comes."""
    store: Store = await resolve_name(opener)(url)
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await ACTIONS[action](Part(store, run_id, worker_id, float(lease_now)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

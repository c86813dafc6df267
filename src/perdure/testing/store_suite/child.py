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
from itertools import count
from pkgutil import resolve_name
from typing import NamedTuple

from perdure.core import keys, topics
from perdure.core.chunks import Entry
from perdure.core.operations import AppendEntries, CreateRun, Emit, RegisterWorker, TakeRun
from perdure.core.records import Lease
from perdure.errors import LeaseHeld, PerdureError
from perdure.stores.port import Store
from perdure.testing.manual_clock import START, ManualClock

LEASE_FOR = 30.0


class Part(NamedTuple):
    """What a child has to work with."""

    store: Store
    run_id: str
    worker_id: str

    @property
    def incarnation(self) -> str:
        """The worker's incarnation: one a process."""
        return f"{self.worker_id}: {os.getpid()}"

    def register(self) -> RegisterWorker:
        """The child's worker."""
        return RegisterWorker(
            worker_id=self.worker_id, incarnation=self.incarnation, at=START, lease_for=LEASE_FOR, pid=os.getpid()
        )

    async def start(self) -> Lease:
        """Make the run, unless it is there, and take it."""
        await self.store.execute(self.register())
        await self.store.execute(
            CreateRun(
                tenant=None,
                run_id=self.run_id,
                workflow="flow",
                manifest=b"{}",
                manifest_hash="hash",
                seed="seed",
                at=START,
            )
        )
        take = TakeRun(
            tenant=None,
            run_id=self.run_id,
            worker_id=self.worker_id,
            incarnation=self.incarnation,
            claim_id=self.incarnation,
            at=START,
        )
        taken = await self.store.execute(take)
        return Lease(None, self.run_id, taken.run.token)


def say(what: object) -> None:
    """Write a line."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def append_entry(seq: int) -> AppendEntries:
    """An entry of a log."""
    return AppendEntries((Entry("", seq, seq, b"[]"),))


async def start(part: Part) -> None:
    """Say whether the run is ours, and hold it until the end: once this process has ended, another may take it."""
    try:
        await part.start()
    except LeaseHeld:
        say("held")
    else:
        say("started")
    await asyncio.to_thread(sys.stdin.readline)


async def append(part: Part) -> None:
    """Append entries one by one, and say each seq once it is acknowledged."""
    lease = await part.start()
    head = (await part.store.streams.read(part.run_id, tenant=None)).head
    for seq in count(head + 1):
        await part.store.commit(lease, append_entry(seq))
        say(seq)


async def emit(part: Part) -> None:
    """Emit one key, and say whose event stayed."""
    event = Emit(
        tenant=None,
        run_id=part.run_id,
        key=keys.event("go"),
        payload=part.worker_id.encode(),
        at=START,
        emit_id=part.incarnation,
    )
    emitted = await part.store.execute(event)
    say(f"{emitted.accepted} {emitted.event.payload.decode()}")


async def live(part: Part) -> None:
    """Hold a run, until the end."""
    await part.start()
    say("running")
    await asyncio.to_thread(sys.stdin.readline)


async def watch(part: Part) -> None:
    """Say each news of a run."""
    news = part.store.watch(topics.run(None, part.run_id))
    say("watching")
    while True:
        await news.wait()
        say(len(await part.store.events.list(part.run_id, tenant=None)))


async def fork(part: Part) -> None:
    """Use the store in the child of a fork, which says how it was refused; then here, where it must go on."""
    lease = await part.start()
    child = os.fork()
    if child == 0:
        asyncio.run(_use_forked(part))
        os._exit(0)
    await asyncio.to_thread(os.waitpid, child, 0)
    await part.store.commit(lease, append_entry(1))
    say("appended")


async def _use_forked(part: Part) -> None:
    uses = lambda: part.store.execute(part.register()), lambda: part.store.runs.get(part.run_id, tenant=None)
    for use in uses:
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
    store: Store = await resolve_name(opener)(url, clock=ManualClock(START, float(lease_now)))
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await ACTIONS[action](Part(store, run_id, worker_id))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

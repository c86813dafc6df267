"""What a test sees of a store that a command works on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from perdure import open_store
from perdure.app.client import Client
from perdure.core import topics
from perdure.core.chunks import Chunk
from perdure.core.cursors import BEGINNING
from perdure.core.fold import Fold
from perdure.core.messages import Message
from perdure.core.records import RunRecord
from perdure.core.threads import ThreadRecord
from perdure.errors import StoreUrlInvalid
from perdure.streams import read
from tests.cli.shell import Shell, wait_for

T = TypeVar("T")


class Seen:
    """A store at one moment: its newest thread, the thread's messages, what its newest run has streamed,
    and how many of its steps have completed.
    """

    def __init__(self, threads: list[ThreadRecord], messages: list[Message], runs: list[RunRecord]) -> None:
        self.threads = threads
        self.messages = messages
        self.runs = runs
        self.chunks = list[Chunk]()
        self.steps = 0

    @property
    def words(self) -> str:
        """The text of the newest run, as a reader holds it."""
        return Fold().add_all(self.chunks).text


async def _see(url: str) -> Seen:
    try:
        store = await open_store(url, create=False)
    except StoreUrlInvalid:
        return Seen([], [], [])
    try:
        threads = await store.threads.list(tenant=None)
        messages = await store.messages.path(threads[0].thread_id, tenant=None) if threads else []
        seen = Seen(threads, messages, await store.runs.list(tenant=None))
        if seen.runs:
            steps = await store.steps.list(seen.runs[0].run_id, tenant=None)
            seen.steps = sum(step.status == "completed" for step in steps)
        cursor = BEGINNING
        while seen.runs:
            page = await read(store, seen.runs[0].run_id, tenant=None, after=cursor)
            seen.chunks += page.chunks
            cursor = page.cursor
            if not page.chunks:
                break
        return seen
    finally:
        await store.close()


async def reach(client: Client, run_id: str, *statuses: str) -> None:
    """Wait until a run has one of these statuses."""
    watch = client.store.watch(topics.run(None, run_id))
    try:
        while (await client.run(run_id).record()).status not in statuses:
            await watch.wait()
    finally:
        watch.close()


def see(shell: Shell) -> Seen:
    """Look at the shell's store; nothing is there where the store is not."""
    return asyncio.run(_see(shell.store))


def wait_until(shell: Shell, what: Callable[[Seen], bool]) -> None:
    """Wait until the shell's store has come to something."""
    wait_for(lambda: what(see(shell)))

"""Everything that a store can be asked, read at one moment: to see that nothing has changed, or what has."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec

from perdure.core.records import Journal, RunRecord
from perdure.core.threads import ThreadRecord
from perdure.core.values import Value
from perdure.stores.port import EVERY_TENANT, Store

Snapshot: TypeAlias = dict[tuple[str | None, ...], Value]
"""By what was asked: the answer."""

MANY = 10_000


async def take_snapshot(store: Store, at: datetime) -> Snapshot:
    """Ask every read of every facet about everything that is there; `at` is the instant of now."""
    found: Snapshot = {}
    runs = await store.runs.list(tenant=EVERY_TENANT, limit=MANY)
    for run in runs:
        found |= await _of_run(store, run)
    for thread in await store.threads.list(tenant=EVERY_TENANT, limit=MANY):
        found |= await _of_thread(store, thread)
    workflows = tuple(sorted({run.workflow for run in runs}))
    queues = tuple(sorted({run.queue for run in runs}))
    found["runs",] = runs
    found["overdue",] = sorted(await store.runs.overdue(), key=str)
    found["cancelling children",] = sorted(await store.runs.cancelling_children(MANY), key=str)
    found["parked",] = await store.runs.parked(queues, workflows, limit=MANY)
    found["inboxes",] = await store.runs.inboxes([(run.tenant, run.run_id) for run in runs])
    found["questions",] = await store.questions.list(tenant=EVERY_TENANT, open_only=False, limit=MANY)
    found["open questions",] = await store.questions.list(tenant=EVERY_TENANT, limit=MANY)
    found["workers",] = await store.workers.list()
    found["dead",] = await store.workers.dead()
    found["counts",] = await store.queues.counts()
    found["next due",] = await store.queues.next_due(queues, workflows, at)
    return found


async def _of_run(store: Store, run: RunRecord) -> Snapshot:
    tenant, run_id = run.tenant, run.run_id
    events = await store.events.list(run_id, tenant=tenant)
    [journal] = await store.runs.journals([run])
    found: Snapshot = {
        ("run",): await store.runs.get(run_id, tenant=tenant),
        ("status",): await store.runs.status(run_id, tenant=tenant),
        ("manifest",): await store.runs.manifest(run_id, tenant=tenant),
        ("journal",): _in_order(journal),
        ("news",): await store.runs.news(run_id, tenant=tenant, after=0),
        ("steps",): await store.steps.list(run_id, tenant=tenant),
        ("count",): await store.steps.count(run_id, tenant=tenant),
        ("events",): events,
        ("questions",): await store.questions.list(tenant=tenant, run_id=run_id, open_only=False),
        ("stream",): await store.streams.read(run_id, tenant=tenant, limit=MANY),
        ("message",): await store.messages.of_run(run_id, tenant=tenant),
        ("usage",): await store.messages.usage(run_id, tenant=tenant),
    }
    for event in events:
        found["event", event.key] = await store.events.get(run_id, event.key, tenant=tenant)
    return {("run", tenant, run_id, *asked): answer for asked, answer in found.items()}


async def _of_thread(store: Store, thread: ThreadRecord) -> Snapshot:
    tenant, thread_id = thread.tenant, thread.thread_id
    turns = await store.threads.turns(thread_id, tenant=tenant)
    found: Snapshot = {
        ("thread",): await store.threads.get(thread_id, tenant=tenant),
        ("turns",): turns,
        ("events",): await store.threads.events(thread_id, tenant=tenant, limit=MANY),
    }
    for turn in [None, *(turn.turn for turn in turns)]:
        messages = await store.messages.path(thread_id, tenant=tenant, turn=turn)
        found["path", str(turn)] = await store.threads.path(thread_id, tenant=tenant, turn=turn)
        found["messages", str(turn)] = messages
        for message in messages:
            of_thread = await store.messages.get(thread_id, message.message_id, tenant=tenant)
            found["message", message.message_id] = of_thread
    return {("thread", tenant, thread_id, *asked): answer for asked, answer in found.items()}


def _in_order(journal: Journal) -> Journal:
    """A journal's steps come in no order."""
    return msgspec.structs.replace(journal, steps=tuple(sorted(journal.steps, key=lambda step: step.number)))

"""Concurrency keys: the runs of one key run one after the other, in the order of their tickets.

One decision may move a key several times (runs that are cancelled, taken over or claimed together), so what it has
drafted is written before a key is read.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core import topics
from perdure.core.decisions.changes import RemoveKey, WriteKey
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import GetKey, GetNextTicket, WriteDraft
from perdure.core.records import KeyRecord, RunRecord
from perdure.core.values import Value


def acquire(draft: Draft, run: RunRecord) -> Decision[dict[str, Value]]:
    """Take the run's key, or a ticket where another run has it. Shape: the fields of the run that say so."""
    assert run.key is not None  # noqa: S101 - asked only for a run with a key
    yield WriteDraft()
    known = yield GetKey(run.tenant, run.key)
    key: KeyRecord = known or KeyRecord(tenant=run.tenant, key=run.key)
    if key.run_id in {None, run.run_id}:
        draft.add(WriteKey(msgspec.structs.replace(key, run_id=run.run_id)))
        return {"has_key": True, "ticket": None}
    draft.add(WriteKey(msgspec.structs.replace(key, next_ticket=key.next_ticket + 1)))
    return {"has_key": False, "ticket": key.next_ticket, "ready_at": None, "due_at": None}


def release(draft: Draft, run: RunRecord, at: datetime) -> Decision[None]:
    """Give the run's key to the run with the next ticket, which is claimable then."""
    assert run.key is not None  # noqa: S101 - asked only for a run with a key
    yield WriteDraft()
    known = yield GetKey(run.tenant, run.key)
    if known is None or known.run_id != run.run_id:
        return
    found = yield GetNextTicket(known)
    if found is None:
        draft.add(RemoveKey(known))
        return
    following = draft.know(found)
    draft.add(WriteKey(msgspec.structs.replace(known, run_id=following.run_id)))
    after = draft.change_run(following, has_key=True, ticket=None, ready_at=at)
    draft.topics.update(topics.of_change(following, after))

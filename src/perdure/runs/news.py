"""What has come to a run from outside, as its attempt takes it in: events, a request to cancel, another owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.core.records import EventRecord, News
from perdure.core.states import OWNED
from perdure.runs.halting import Halt

if TYPE_CHECKING:
    from perdure.runs.attempt import Attempt


async def look(attempt: Attempt) -> None:
    """Take in what has come from outside: events, a request to cancel, another owner.

    An attempt that unwinds takes nothing in: its suspension must be refused where something came in meanwhile.
    """
    news = await _news(attempt)
    if news is None:
        return
    if news.status == "cancelling":
        attempt.stop(Halt("cancel", news.cancel_reason or ""))
    if attempt.halt is None:
        attempt.inbox = news.inbox
        for event in attempt.take_in(news.events):
            _settle(attempt, event)


async def is_woken(attempt: Attempt) -> bool:
    """Whether what has come in while this attempt unwound is a reason not to suspend; it is taken in."""
    news = await _news(attempt)
    if news is None:
        return True
    attempt.inbox = news.inbox
    fresh = attempt.take_in(news.events)
    return news.status == "cancelling" or any(event.key in attempt.suspension.keys for event in fresh)


async def _news(attempt: Attempt) -> News | None:
    """What has become of the run; None where it has another owner, and the attempt is lost."""
    key, after = (attempt.run.run_id, attempt.run.tenant), attempt.seq
    news = await attempt.read(lambda store: store.runs.news(key[0], tenant=key[1], after=after))
    if news is None or news.token != attempt.lease.token or news.status not in OWNED:
        attempt.stop(Halt("lost", "the run has another owner"))
        return None
    return news


def _settle(attempt: Attempt, event: EventRecord) -> None:
    for wait in tuple(attempt.waits.values()):
        if wait.key == event.key:
            wait.settle(event)

"""Claim pauses: a worker that always has runs claims nothing for a while, where a run waits that must be alone.

A run whose worker died again and again is claimed by an empty worker only (`core.suspicion`); on machines that are
always busy it would wait for ever. So a worker that sees one wait for long lets what it has come to its end. What goes
on for longer than that is not waited for: the worker claims again, and pauses another time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from perdure.core.ids import random_share

if TYPE_CHECKING:
    from perdure.runs.lease_holder import LeaseHolder

LOOK_EVERY = 5.0
WAITS_AFTER = 10.0
PAUSE_FOR = 10.0
NOT_AGAIN_FOR = 60.0
"""Units: seconds, all of them. A worker pauses for at most a seventh of the time, each one at a time of its own."""


class ClaimPause:
    """Whether this worker claims nothing now."""

    def __init__(self, holder: LeaseHolder, claim_again: Callable[[], object]) -> None:
        self._holder = holder
        self._claim_again = claim_again
        self._until = float("-inf")
        self._look_after = holder.clock.elapsed() + LOOK_EVERY

    @property
    def is_under_way(self) -> bool:
        """Whether what the worker has is on its way out."""
        return self._holder.clock.elapsed() < self._until

    async def check(self, queues: tuple[str, ...], workflows: tuple[str, ...]) -> bool:
        """Whether to claim nothing; `claim_again` is called when that ends. Raises: what a read raises."""
        holder = self._holder
        if not holder.attempts:
            return False
        now = holder.clock.elapsed()
        if now < self._until or now < self._look_after:
            return now < self._until
        self._look_after = now + LOOK_EVERY
        since = await holder.store.queues.alone_since(queues, workflows)
        if since is None or (holder.clock.now() - since).total_seconds() < WAITS_AFTER:
            return False
        self._until = now + PAUSE_FOR
        self._look_after = self._until + NOT_AGAIN_FOR * (0.5 + random_share())
        holder.clock.call_after(PAUSE_FOR, self._claim_again)
        return True

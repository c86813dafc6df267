"""Reading runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from perdure.core.records import Journal, News, RunRecord, RunStatus
from perdure.stores.port.tenants import EveryTenant


class RunReads(Protocol):
    """Reading runs."""

    async def get(self, run_id: str, *, tenant: str | None) -> RunRecord | None:
        """The run, or None."""
        ...

    async def manifest(self, run_id: str, *, tenant: str | None) -> bytes | None:
        """What the run was asked to do, as it was given, or None."""
        ...

    async def journals(self, runs: Sequence[RunRecord]) -> list[Journal]:
        """What the replay of each of several runs needs, in their order, in one read; that of one deleted is empty."""
        ...

    async def news(self, run_id: str, *, tenant: str | None, after: int) -> News | None:
        """What has become of a run, with its events past the seq `after`, read at one instant; or None."""
        ...

    async def status(self, run_id: str, *, tenant: str | None) -> RunStatus | None:
        """The run's status alone, at a fraction of what `get` costs; None where there is no run."""
        ...

    async def inboxes(self, keys: Sequence[tuple[str | None, str]]) -> dict[tuple[str | None, str], int]:
        """The `inbox` of each of several runs, by (tenant, run id); a run that is not there is missing."""
        ...

    async def overdue(self) -> list[tuple[str | None, str]]:
        """Runs that are being cancelled and whose time for that has passed: anybody may seal them."""
        ...

    async def cancelling_children(self, limit: int = 100) -> list[tuple[str | None, str]]:
        """Runs whose children are to be cancelled still: anybody may go on with that."""
        ...

    async def parked(
        self,
        queues: tuple[str, ...],
        workflows: tuple[str, ...],
        *,
        after: tuple[datetime, str, str] | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        """Parked runs of these queues and workflows, the oldest first, without their results.

        Shape: `after` is the `created_at`, run id and tenant (empty for none) of the last one of the page before.
        """
        ...

    async def list(
        self,
        *,
        tenant: str | EveryTenant | None,
        status: tuple[RunStatus, ...] = (),
        workflow: str | None = None,
        queue: str | None = None,
        thread_id: str | None = None,
        parent_id: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[RunRecord]:
        """Runs without their results, the newest first, ids breaking ties.

        Shape: `before` is (created_at, run_id) of the last one of a page.
        """
        ...

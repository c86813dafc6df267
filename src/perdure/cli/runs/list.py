"""`perdure runs list`: runs, the newest first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from perdure.cli.opening import StoreOption, TenantsOption, opened

if TYPE_CHECKING:
    from datetime import datetime

    from perdure.core.records import RunRecord, RunStatus

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]


def list_runs(
    store: StoreOption = None,
    status: Annotated[list[str] | None, typer.Option(help="Only runs with this status; may be said again.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow; an agent's is agent:NAME.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only runs of this queue.")] = None,
    tenant: TenantsOption = None,
    limit: Limit = 30,
) -> None:
    """List runs, the newest first."""
    asyncio.run(_list(store, tenant, _statuses(status or []), workflow, queue, limit))


def _statuses(given: list[str]) -> tuple[RunStatus, ...]:
    from perdure.cli.exits import misused
    from perdure.core.records import RunStatus

    known = get_args(RunStatus)
    for status in given:
        if status not in known:
            raise misused("--status", f"one of {', '.join(known)}, not {status!r}")
    return cast("tuple[RunStatus, ...]", tuple(given))


async def _list(
    store: str | None,
    tenant: str | None,
    status: tuple[RunStatus, ...],
    workflow: str | None,
    queue: str | None,
    limit: int,
) -> None:
    from perdure.cli.colours import RUN_STYLE
    from perdure.cli.durations import ago
    from perdure.cli.tables import table_of
    from perdure.cli.terminal import answers, notes
    from perdure.stores.port import EVERY_TENANT

    async with opened(store, tenant) as door:
        found = door.access.store.runs.list
        runs = await found(tenant=tenant or EVERY_TENANT, status=status, workflow=workflow, queue=queue, limit=limit)
        now = door.access.clock.now()
    if not runs:
        notes().print("no runs")
        return
    names = ("run", "tenant", "workflow", "status", "took", "made", "why")
    cells = [
        (run.run_id, run.tenant or "", run.workflow, state(run), _took(run, now), ago(run.created_at, now), why(run))
        for run in runs
    ]
    answers().print(table_of(names, cells, [RUN_STYLE[run.status] for run in runs], optional="tenant"))


def state(run: RunRecord) -> str:
    """A run's status, and whether it is parked."""
    return "parked" if run.is_parked else run.status


def _took(run: RunRecord, now: datetime) -> str:
    from perdure.cli.durations import took

    return took(((run.completed_at or now) - run.created_at).total_seconds())


def why(run: RunRecord) -> str:
    """What a run waits for, or why it ended as it did."""
    from perdure.cli.terminal import short

    if run.failure is not None:
        return short(f"{run.failure.cause_type}: {run.failure.message}", 60)
    return ", ".join(run.waiting_for) or run.cancel_reason or ""

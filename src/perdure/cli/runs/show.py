"""`perdure runs show`: one run, as a timeline of its steps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.opening import StoreOption, TenantOption, opened
from perdure.cli.runs.list import state, waits_for

if TYPE_CHECKING:
    from rich.table import Table

    from perdure.core.records import Question, RunRecord

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]


def show_run(
    run_id: RunArgument,
    tenant: TenantOption = None,
    store: StoreOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many steps.")] = 500,
) -> None:
    """Show a run as a timeline of its steps, with durations, attempts, failures and what it waits for."""
    asyncio.run(_show(store, tenant, run_id, limit))


async def _show(store: str | None, tenant: str | None, run_id: str, limit: int) -> None:
    from perdure.cli.runs.timeline import timeline
    from perdure.cli.terminal import answers, notes, one_line
    from perdure.core.states import ENDED

    async with opened(store, tenant) as door:
        run = door.run(run_id)
        record, steps = await run.record(), await run.steps()
        questions = [] if record.status in ENDED else await door.questions.list(run_id=run_id)
        now = door.access.clock.now()
    out = answers()
    out.print(_head(record, len(steps)))
    if steps:
        out.print()
        out.print(timeline(record, steps[:limit], now, out))
    if len(steps) > limit:
        notes().print(f"{len(steps) - limit} more steps; see --limit")
    for question in questions:
        out.print()
        out.print(_question(question))
    if record.result not in {None, b"null"}:
        out.print("\n[dim]result[/]", one_line((record.result or b"").decode()))


def _head(run: RunRecord, steps: int) -> Table:
    from perdure.cli.durations import at, took
    from perdure.cli.tables import facts

    failure, deaths = run.failure, run.suspicion.deaths if run.suspicion else 0
    span = took((run.completed_at - run.created_at).total_seconds()) if run.completed_at else ""
    return facts(
        ("run", run.run_id),
        ("tenant", run.tenant or ""),
        ("workflow", run.workflow + (f" version {run.version}" if run.version else "")),
        ("status", state(run) + (f" ({run.cancel_reason})" if run.cancel_reason else "")),
        ("failure", f"{failure.cause_type}: {failure.message} [{failure.reason}]" if failure else ""),
        ("failed in", f"{failure.step} ({failure.positions[0]})" if failure and failure.step else ""),
        ("waits for", waits_for(run) if run.completed_at is None else ""),
        ("due", at(run.due_at) if run.due_at and run.completed_at is None else ""),
        ("made", at(run.created_at)),
        ("took", span),
        ("steps", str(steps)),
        ("queue", run.queue),
        ("worker", run.worker_id or ""),
        ("token", f"{run.token}" + (f", {deaths} deaths since the last progress" if deaths else "")),
        ("thread", run.thread_id or ""),
        ("parent", run.parent_id or ""),
        ("tags", ", ".join(f"{name}={value}" for name, value in sorted(run.tags.items()))),
    )


def _question(question: Question) -> Table:
    from perdure.cli.tables import facts

    answer = f"perdure runs resolve {question.run_id} {question.position} --again|--failed|--value JSON"
    return facts(
        ("question", question.prompt),
        ("choices", ", ".join(question.choices)),
        ("answer", answer if question.kind == "in_doubt" else ""),
    )

"""`perdure doctor`: what has not ended, and whether it will go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from perdure.cli.opening import StoreOption, opened

if TYPE_CHECKING:
    from rich.table import Table

    from perdure.core.clock import Clock
    from perdure.runs.doctor import Health


def doctor(store: StoreOption = None) -> None:
    """Check that every unfinished run has a live lease, a due timer or a named waiter; list what has not."""
    raise typer.Exit(asyncio.run(_examine(store)))


async def _examine(store: str | None) -> int:
    from perdure.cli.exits import OK, WRONG
    from perdure.runs.doctor import examine

    async with opened(store) as door:
        health = await examine(door.access.store, door.access.clock)
        _print(health, door.access.clock)
    return OK if health.is_well else WRONG


def _print(health: Health, clock: Clock) -> None:
    from perdure.cli.tables import facts
    from perdure.cli.terminal import answers

    out = answers()
    counts = [f"{queue}: {_counted(by_status)}" for queue, by_status in sorted(health.queues.items())]
    out.print(
        facts(
            *health.made_of.items(),
            ("unfinished", "; ".join(counts) or "nothing"),
            ("stuck calls", str(health.stuck_calls) if health.stuck_calls else ""),
        )
    )
    if health.workers:
        out.print(_workers(health, clock))
    if health.questions:
        out.print(_questions(health, clock))
    if health.findings:
        out.print(_findings(health))
    wrong = len(health.findings)
    out.print(f"[bold red]✗ {wrong} to look after[/]" if wrong else "[bold green]✓ all is well[/]")


def _counted(by_status: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(by_status.items()))


def _workers(health: Health, clock: Clock) -> Table:
    from perdure.cli.durations import ago, took
    from perdure.cli.tables import columns

    table = columns("worker", "life", "lease", "queues", "renewed")
    for worker, life in health.workers:
        left = worker.lease_until - clock.lease_now()
        lease = f"{took(left)} left" if life == "live" else "-"
        style = "green" if life == "live" else "red"
        renewed = ago(worker.renewed_at, clock.now())
        table.add_row(worker.worker_id, life, lease, ", ".join(worker.queues), renewed, style=style)
    return table


def _questions(health: Health, clock: Clock) -> Table:
    from perdure.cli.durations import ago
    from perdure.cli.tables import columns

    table = columns("open question", "run", "step", "asked")
    for question in health.questions:
        asked = ago(question.asked_at, clock.now())
        table.add_row(question.prompt, question.run_id, question.position or "", asked, style="yellow")
    return table


def _findings(health: Health) -> Table:
    from perdure.cli.tables import columns

    table = columns("run", "finding")
    for finding in health.findings:
        table.add_row(finding.run_id, finding.what, style="red")
    return table

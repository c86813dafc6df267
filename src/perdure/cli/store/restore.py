"""`perdure store restore`: a copy or a backup is accepted, and what it may not know of is named."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from perdure.cli.opening import opened
from perdure.stores.restored import Log

if TYPE_CHECKING:
    from rich.table import Table

    from perdure.runs.restored import OpenEnd
    from perdure.stores.restored import Restored


def restore_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The database file, or its URL.")],
    log: Annotated[
        Log | None,
        typer.Option(
            "--log",
            help="Where the file with -wal beside it may be another's: `keep` applies it, `aside` sets it aside.",
        ),
    ] = None,
) -> None:
    """Accept a database that is a copy or a backup, and list the runs whose effects may be newer than it."""
    asyncio.run(_restore(file, log))


async def _restore(file: str, log: Log | None) -> None:
    from perdure.cli.terminal import answers, notes
    from perdure.runs.restored import open_ends
    from perdure.stores import restore_store

    url = file if ":/" in file else f"sqlite:///{quote(file)}"
    restored = await restore_store(url, log=log)
    async with opened(url) as door:
        ends = await open_ends(door.access.store)
    out = answers()
    out.print(_facts(restored))
    if ends:
        out.print(_table(ends))
    notes().print(
        f"[green]✓[/] accepted; {len(ends)} unfinished runs go on from here: effects that came after what is listed"
        " are not known here and come again, and runs that were started later are not known at all"
    )


def _facts(restored: Restored) -> Table:
    from perdure.cli.tables import facts

    return facts(
        ("database", restored.store_id),
        ("epoch", str(restored.epoch)),
        ("log set aside", restored.set_aside or ""),
    )


def _table(ends: list[OpenEnd]) -> Table:
    from perdure.cli.tables import columns

    table = columns("run", "status", "steps with an outcome", "began, end not known")
    for end in ends:
        in_flight = ", ".join(f"{step.position} {step.name}" for step in end.in_flight)
        table.add_row(end.run.run_id, end.run.status, end.ended, in_flight, style="yellow" if in_flight else None)
    return table

"""`perdure store copy`: everything of one store into another one."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer


def copy_all(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The URL of the store that is copied; nobody uses it.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The URL of an empty store, made where it is missing.")],
) -> None:
    """Copy everything but workers from an idle store into an empty one, and compare both afterwards."""
    asyncio.run(_copy(source, target))


async def _copy(source: str, target: str) -> None:
    from perdure.cli.tables import facts
    from perdure.cli.terminal import answers, notes
    from perdure.errors import StoreUrlInvalid
    from perdure.stores import open_store
    from perdure.stores.copying import check_idle, copy_store

    if target.startswith("memory:"):
        raise StoreUrlInvalid(target, "a store in memory ends with this command; copy into a file")
    one = await open_store(source, create=False)
    try:
        await check_idle(one)  # before the target is made
        other = await open_store(target)
        try:
            counts = await copy_store(one, other)
        finally:
            await other.close()
    finally:
        await one.close()
    answers().print(facts(*((kind, str(count)) for kind, count in counts.items())))
    notes().print("[green]✓[/] copied and compared; work goes on in one of the two stores only")

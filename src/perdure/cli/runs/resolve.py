"""`perdure runs resolve`: a person's word on a step in doubt."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.opening import StoreOption, TenantOption, opened
from perdure.cli.runs.show import RunArgument

if TYPE_CHECKING:
    from perdure.core.values import Value


def resolve_run(
    run_id: RunArgument,
    position: Annotated[str, typer.Argument(metavar="POSITION", help="The step's position, as `runs show` has it.")],
    *,
    again: Annotated[bool, typer.Option("--again", help="It did not happen: run it again.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Count it as failed.")] = False,
    value: Annotated[str | None, typer.Option("--value", metavar="JSON", help="It happened, with this value.")] = None,
    by: Annotated[str | None, typer.Option(help="Who says so.")] = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
) -> None:
    """Answer what a step in doubt asks: run it again, count it as failed, or give its value."""
    from perdure.cli.exits import misused

    choices = {"again": again, "failed": failed, "value": value is not None}
    chosen = [choice for choice, is_chosen in choices.items() if is_chosen]
    if len(chosen) != 1:
        raise misused("--again, --failed, --value", "say one of them")
    given = None if value is None else _parsed(value)
    asyncio.run(_resolve(store, tenant, run_id, position, chosen[0], given, by))


def _parsed(value: str) -> Value:
    from perdure.cli.inputs import parsed

    return parsed(value, "--value")


async def _resolve(
    store: str | None, tenant: str | None, run_id: str, position: str, choice: str, value: Value, by: str | None
) -> None:
    from perdure.cli.terminal import notes

    async with opened(store, tenant) as door:
        await door.run(run_id).record()
        await door.questions.resolve(run_id, position, choice, value, by=by)
    notes().print("[green]✓[/] answered; a worker goes on with the run")

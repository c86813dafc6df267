"""The store of a command: which one, said aloud, and never made by looking."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from perdure.app.client import Client
from perdure.app.door import Door
from perdure.app.settings import setting
from perdure.cli.terminal import notes, one_line
from perdure.core.clock import SystemClock
from perdure.errors import SettingInvalid
from perdure.runs.workflow import Workflows


def _not_empty(url: str | None) -> str | None:
    if url is not None and not url.strip():
        raise SettingInvalid("--store", "a store's URL may not be empty; leave the option out for the default")
    return url


StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="The store; else PERDURE_STORE, else sqlite:///perdure.db.",
        callback=_not_empty,
    ),
]

TenantOption = Annotated[str | None, typer.Option(help="Whose it is, where it is a tenant's.")]
TenantsOption = Annotated[str | None, typer.Option("--tenant", help="Only this tenant's; else everybody's.")]


@asynccontextmanager
async def opened(store: str | None, tenant: str | None = None) -> AsyncGenerator[Door]:
    """A door to what a tenant has in a store that is there. Raises: StoreUrlInvalid where it is not; IdInvalid."""
    client = Client(setting("PERDURE_STORE", store), Workflows(), SystemClock(), create=False)
    async with client:
        say_store(client.url)
        yield client.acting_as(tenant=tenant)


def say_store(url: str) -> None:
    """Which store was opened."""
    notes().print("[dim]store[/]", one_line(url), style="dim")

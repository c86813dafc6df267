"""`perdure demo`: the proof. An agent is killed while it works, and finishes as if nothing had happened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from perdure.demo.recounting import Counted
    from perdure.demo.settings import Settings

QUESTION = "Why can a stale worker not write?"


def demo(
    *,
    folder: Annotated[Path | None, typer.Option(help="The files to ask about; else a few pages about perdure.")] = None,
    question: Annotated[str, typer.Option(help="What to ask.")] = QUESTION,
    model: Annotated[str | None, typer.Option(help="The model; else PERDURE_MODEL, else perdure:extractive.")] = None,
    kills: Annotated[int, typer.Option(min=0, max=12, help="How often the worker is killed.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="Plain lines, and the numbers as JSON in the last one.")] = False,
    seed: Annotated[int | None, typer.Option(help="What the random moments are drawn from.")] = None,
    careless: Annotated[
        bool,
        typer.Option(
            "--careless", help="The sender ignores its idempotency key: a control that the numbers can be wrong."
        ),
    ] = False,
) -> None:
    """Kill an agent's worker while it answers, and see that answer, report and stream come out whole, and once."""
    from perdure.cli.exits import OK, WRONG
    from perdure.cli.terminal import notes, one_line
    from perdure.demo.processes import WorkerEnded

    settings = _settings(folder, question, model, seed, careless=careless)
    try:
        counted = asyncio.run(_perform(settings, kills, plain=json))
    except WorkerEnded as error:
        notes().print("[bold red]error[/]", one_line(str(error)))
        raise typer.Exit(WRONG) from None
    if json:
        import msgspec

        typer.echo(msgspec.json.encode(counted.tally).decode())
    raise typer.Exit(OK if counted.tally.is_right(kills) else WRONG)


def _settings(folder: Path | None, question: str, model: str | None, seed: int | None, *, careless: bool) -> Settings:
    import tempfile

    import perdure.demo
    from perdure.app.settings import setting
    from perdure.core.ids import random_bits
    from perdure.demo.settings import Settings
    from perdure.errors import SettingInvalid

    folder = folder or Path(perdure.demo.__file__).parent / "documents"
    if not folder.is_dir():
        raise SettingInvalid("--folder", f"there is no folder {folder}")
    return Settings(
        workspace=tempfile.mkdtemp(prefix="perdure-demo-"),
        folder=str(folder.resolve()),
        question=question,
        model=setting("PERDURE_MODEL", model),
        seed=random_bits(32) if seed is None else seed,
        careless=careless,
    )


async def _perform(settings: Settings, kills: int, *, plain: bool) -> Counted:
    from perdure.cli.demo.show import Show
    from perdure.cli.terminal import answers
    from perdure.cli.turn_view import TurnView
    from perdure.demo.conductor import Conductor

    console = _plain() if plain else answers()
    with TurnView(console, console) as view:
        show = Show(console, view)
        show.begin(settings)
        counted = await Conductor(settings, kills, show).perform()
    show.end(counted, settings, is_right=counted.tally.is_right(kills))
    return counted


def _plain() -> Console:
    from perdure.cli.terminal import plain

    return plain()

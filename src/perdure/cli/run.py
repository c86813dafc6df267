"""`perdure run`: one run, from its start to its result, in this process."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from perdure.cli.opening import StoreOption

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from perdure.app import App
    from perdure.core.values import Value
    from perdure.runs.workflow import Workflow


def run(
    target: Annotated[str, typer.Argument(metavar="MODULE:FUNCTION", help="A workflow, or `async def f(ctx, input)`.")],
    given: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="JSON",
            help="The input: a function's, or a workflow's arguments by name; else the defaults.",
        ),
    ] = None,
    run_id: Annotated[
        str | None,
        typer.Option("--id", help="The run's id; the same one goes on where it was, after a failure too."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Run a workflow or a plain async function to its end, and print its result as JSON."""
    from perdure.app.settings import setting
    from perdure.cli.inputs import NOT_GIVEN, parsed
    from perdure.cli.loading import load_runnable
    from perdure.cli.running import function_work, workflow_work
    from perdure.core.ids import check_id, new_id
    from perdure.runs.workflow import Workflow

    value = NOT_GIVEN if given is None else parsed(given, "--input")
    run_id = new_id("run") if run_id is None else check_id("--id", run_id)
    found = load_runnable(target)
    if isinstance(found, Workflow):
        workflow = cast("Workflow[..., Value]", found)
        work = workflow_work(_app_of(workflow, target, store), workflow, value, run_id)
    else:
        work = function_work(setting("PERDURE_STORE", store), found, target, value, run_id)
    typer.echo(asyncio.run(_until_told(work, run_id)))


async def _until_told(work: Awaitable[bytes], run_id: str) -> bytes:
    """Ctrl-C and SIGTERM release the run, for the next one to go on; a second one leaves it as it is."""
    from perdure.cli.exits import INTERRUPTED
    from perdure.cli.signals import BY_SIGNAL, leave_now, on_signals
    from perdure.cli.terminal import notes, one_line

    task, code = asyncio.ensure_future(work), INTERRUPTED
    again = f"the same command goes on with --id {run_id}"

    def release(number: int) -> None:
        nonlocal code
        code = BY_SIGNAL + number
        task.cancel()

    on_signals(release, lambda number: leave_now(number, f"left as it is; when its lease has ended, {again}"))
    notes().print("[dim]run[/]", one_line(run_id), style="dim")
    try:
        return await task
    except asyncio.CancelledError:
        notes().print("stopped;", one_line(again))
        raise typer.Exit(code) from None


def _app_of(workflow: Workflow[..., Value], target: str, store: str | None) -> App:
    """The app of the workflow's module that declares it, so that its children are known too; else one of its own."""
    from perdure.app import App

    module = sys.modules[target.partition(":")[0].removesuffix(".py")]
    apps = (value for value in vars(module).values() if isinstance(value, App))
    app = next((app for app in apps if workflow in tuple(app.workflows)), None) or App(workflows=[workflow])
    app.url = app.url if store is None else store
    return app

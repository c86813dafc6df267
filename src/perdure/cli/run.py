"""`perdure run`: one run, from its start to its result, in this process."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from perdure.cli.opening import StoreOption, say_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.app import App
    from perdure.core.values import Value
    from perdure.runs.workflow import Workflow


def run(
    target: Annotated[str, typer.Argument(metavar="MODULE:FUNCTION", help="A workflow, or `async def f(ctx, input)`.")],
    given: Annotated[
        str,
        typer.Option("--input", metavar="JSON", help="The input: a function's, or a workflow's arguments by name."),
    ] = "null",
    run_id: Annotated[str | None, typer.Option("--id", help="The run's id; the same one goes on where it was.")] = None,
    store: StoreOption = None,
) -> None:
    """Run a workflow or a plain async function to its end, and print its result as JSON."""
    from perdure.app.settings import setting
    from perdure.cli.inputs import parsed
    from perdure.cli.loading import load
    from perdure.core.ids import new_id
    from perdure.runs.workflow import Workflow

    value, found, run_id = parsed(given, "--input"), load(target), run_id or new_id("run")
    if isinstance(found, Workflow):
        workflow = cast("Workflow[..., Value]", found)
        work = _run_workflow(_app_of(workflow, target, store), workflow, value, run_id)
    else:
        work = _run_function(setting("PERDURE_STORE", store), found, value, run_id)
    typer.echo(asyncio.run(_until_told(work, run_id)))


async def _until_told(work: Awaitable[bytes], run_id: str) -> bytes:
    """Ctrl-C and SIGTERM release the run, for the next one to go on."""
    from perdure.cli.exits import INTERRUPTED
    from perdure.cli.terminal import notes, one_line

    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    notes().print("[dim]run[/]", one_line(run_id), style="dim")
    try:
        return await task
    except asyncio.CancelledError:
        notes().print("released; the same command goes on with", one_line(f"--id {run_id}"))
        raise typer.Exit(INTERRUPTED) from None


async def _run_function(url: str, function: Callable[..., Awaitable[Value]], value: Value, run_id: str) -> bytes:
    from perdure.core.annotations import name_of
    from perdure.core.manifest import Manifest, TaskSpec
    from perdure.core.values import encode
    from perdure.errors import PerdureError, RunFailed
    from perdure.runs.durable import run_durable
    from perdure.stores import open_store

    store = await open_store(url)
    say_store(url)
    manifest = Manifest(task=TaskSpec(id=name_of(function), intent="perdure run"), input=value)
    try:
        done = await run_durable(run_id=run_id, store=store, task=function, manifest=manifest)
        return encode(done.result)
    except PerdureError:
        raise
    except Exception as error:  # what the function raised
        raise RunFailed(run_id, type(error).__name__, str(error)) from None
    finally:
        await store.close()


async def _run_workflow(app: App, workflow: Workflow[..., Value], value: Value, run_id: str) -> bytes:
    from perdure.core.values import encode

    args, kwargs = arguments_of(workflow, value)
    async with app:
        say_store(app.url)
        started = await app.start(workflow, *args, run_id=run_id, **kwargs)
        try:
            return encode(await started.result())
        except asyncio.CancelledError:
            await app.stop_work(at_once=True)
            raise


def arguments_of(workflow: Workflow[..., Value], value: Value) -> tuple[tuple[Value, ...], dict[str, Value]]:
    """A workflow's arguments from one JSON value: an object by name, a list in order, anything else as the only one."""
    only: Value = value
    names = [parameter.name for parameter in workflow.arguments.parameters]
    if isinstance(value, dict) and all(name in names for name in cast("dict[str, Value]", value)):
        return (), cast("dict[str, Value]", value)
    if isinstance(value, list) and len(names) > 1:
        return tuple(cast("list[Value]", value)), {}
    return () if value is None and not names else (only,), {}


def _app_of(workflow: Workflow[..., Value], target: str, store: str | None) -> App:
    """The app of the workflow's module that declares it, so that its children are known too; else one of its own."""
    from perdure.app import App

    module = sys.modules[target.partition(":")[0].removesuffix(".py")]
    apps = (value for value in vars(module).values() if isinstance(value, App))
    app = next((app for app in apps if workflow in tuple(app.workflows)), None) or App(workflows=[workflow])
    app.url = store or app.url
    return app

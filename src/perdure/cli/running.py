"""The work of `perdure run`. It is checked when it is made, and the store is opened when it is awaited."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

from perdure.app import App
from perdure.cli.inputs import NOT_GIVEN, arguments_of
from perdure.cli.opening import say_store
from perdure.cli.parked import ParkedRuns, parked_as
from perdure.core.annotations import name_of
from perdure.core.clock import SystemClock
from perdure.core.failures import failure_of
from perdure.core.manifest import Manifest, TaskSpec
from perdure.core.operations import CreateRun
from perdure.core.values import Value, encode
from perdure.errors import InputError, PerdureError, ReplayError, RunStateWrong, SettingInvalid
from perdure.runs.durable import TaskWorkflow, run_durable
from perdure.runs.handles import run_failed
from perdure.runs.starting import creation
from perdure.runs.workflow import Workflow
from perdure.stores import open_store


def workflow_work(
    app: App, workflow: Workflow[..., Value], given: Value, run_id: str
) -> Coroutine[Value, Value, bytes]:
    """A workflow to its end; the JSON of its result. Raises: InputError, before it is awaited."""
    manifest = workflow.manifest(*arguments_of(workflow, given))
    return _run_workflow(app, workflow, creation(workflow, manifest, run_id=run_id, at=app.clock.now()))


def function_work(
    url: str, function: Callable[..., Awaitable[Value]], target: str, given: Value, run_id: str
) -> Coroutine[Value, Value, bytes]:
    """A plain function to its end; the JSON of its result. Raises: SettingInvalid, InputError, before it is awaited."""
    _check_parameters(function, target)
    value = None if given is NOT_GIVEN else given
    if value is not None and len(inspect.signature(function).parameters) == 1:
        raise InputError("--input", f"{name_of(function)!r} takes a context, and no input")
    manifest = Manifest(task=TaskSpec(id=name_of(function), intent="perdure run"), input=value)
    workflow = TaskWorkflow[Value](function, name=manifest.task.id)
    try:
        workflow.check(value)
    except InputError as error:
        raise InputError("--input", error.reason) from None
    creation(workflow, manifest, run_id=run_id, at=SystemClock().now())
    return _run_function(url, function, manifest, run_id)


async def _run_workflow(app: App, workflow: Workflow[..., Value], request: CreateRun) -> bytes:
    parked = ParkedRuns(app)
    async with app:
        say_store(app.url)
        before = await app.store.runs.status(request.run_id, tenant=request.tenant)
        run = await app.create_run(workflow, request)
        if before == "failed":
            with suppress(RunStateWrong):  # somebody else was first
                await run.restart()
        try:
            return encode(await parked.result_of(run.id, run.result()))
        except asyncio.CancelledError:
            await app.stop_work(at_once=True)
            raise


async def _run_function(url: str, function: Callable[..., Awaitable[Value]], manifest: Manifest, run_id: str) -> bytes:
    store = await open_store(url)
    say_store(url)
    try:
        done = await run_durable(run_id=run_id, store=store, task=function, manifest=manifest)
        return encode(done.result)
    except ReplayError as error:
        raise await parked_as(store, run_id, run_id) or error from None
    except PerdureError:
        raise
    except Exception as error:  # what the function raised
        raise run_failed(run_id, failure_of(error)) from None
    finally:
        await store.close()


def _check_parameters(function: Callable[..., Awaitable[Value]], target: str) -> None:
    """Raises: SettingInvalid where it can't be called with a context and an input."""
    signature = inspect.signature(function)
    try:
        signature.bind(*[None] * (2 if len(signature.parameters) > 1 else 1))
    except TypeError as error:
        raise SettingInvalid(target, f"can't be called as f(ctx) or f(ctx, input): {error}") from None

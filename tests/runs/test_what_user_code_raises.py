"""Whatever user code raises is the failure of its step, tool or workflow, and is stored with its type's name."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn

import pytest

import perdure
from perdure import Agent, App, Retry
from perdure.errors import RunFailed, StepFailed
from perdure.runs.interrupts import is_of_signal
from perdure.testing.scripted import ScriptedModel, call, say
from tests.runs.cluster import Cluster


class Panic(BaseException):
    pass


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it can't be said")


def _panics() -> NoReturn:
    raise Panic("at once")


def _exits() -> NoReturn:
    sys.exit(2)


def _interrupts() -> NoReturn:
    raise KeyboardInterrupt


def _closes() -> NoReturn:
    raise GeneratorExit


def _cancels() -> NoReturn:
    raise asyncio.CancelledError("by itself")


def _groups() -> NoReturn:
    raise BaseExceptionGroup("both", [Panic(), ValueError()])


def _stops() -> NoReturn:
    raise StopAsyncIteration


def _is_mute() -> NoReturn:
    raise Mute


RAISING = {
    "Panic": _panics,
    "SystemExit": _exits,
    "KeyboardInterrupt": _interrupts,
    "GeneratorExit": _closes,
    "CancelledError": _cancels,
    "BaseExceptionGroup": _groups,
    "StopAsyncIteration": _stops,
    "Mute": _is_mute,
}


# not tried again, whatever the policy says
NO_EXCEPTIONS = {"Panic", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError", "BaseExceptionGroup"}


def on_the_loop(function: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    async def call() -> Any:
        return function()

    return call


@pytest.mark.parametrize("where", ["on the loop", "in a thread"])
@pytest.mark.parametrize("raised", RAISING)
async def test_it_is_the_failure_of_its_step_and_nobody_elses(cluster: Cluster, raised: str, where: str) -> None:
    raising = RAISING[raised]

    def counted() -> Any:
        cluster.done.append(raised)
        raising()

    async def healthy(ctx: perdure.Context) -> str:
        await ctx.step("work", cluster.sleep, 2)
        return "done"

    async def flow(ctx: perdure.Context) -> str:
        function = on_the_loop(counted) if where == "on the loop" else counted
        try:
            await ctx.step("raises", function, retry=Retry(attempts=3, initial=0) if raised in NO_EXCEPTIONS else None)
        except StepFailed as error:
            return error.cause_type
        return "nothing was raised"

    other = await cluster.start(healthy, run_id="other")
    assert await cluster.run(flow) == raised
    assert await cluster.result(other) == "done"
    assert cluster.done == [raised]
    assert (await cluster.step("0")).status == "failed"


@pytest.mark.parametrize("where", ["in the workflow", "in a branch", "in a branch of a branch"])
@pytest.mark.parametrize("raised", RAISING)
async def test_it_is_the_failure_of_its_workflow(cluster: Cluster, raised: str, where: str) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def branch() -> None:
            RAISING[raised]()

        if where == "in the workflow":
            RAISING[raised]()
        elif where == "in a branch":
            await ctx.gather(branch, branch)
        else:
            await ctx.gather(partial(ctx.gather, branch))

    run = await cluster.start(flow)
    await cluster.start_worker()
    with pytest.raises(RunFailed) as failed:
        await cluster.result(run)
    assert failed.value.cause_type == raised
    assert (await cluster.record()).token == 1


@pytest.mark.parametrize("raised", RAISING)
async def test_it_ends_no_other_function_that_cleans_up(memory: Cluster, raised: str) -> None:
    async def flow(ctx: perdure.Context) -> None:
        async def undo() -> None:
            memory.done.append("undone")

        async def raises() -> None:
            RAISING[raised]()

        ctx.on_cancel(undo)
        ctx.on_cancel(raises)
        await ctx.step("work", memory.sleep, 60)

    run = await memory.start(flow)
    await memory.start_worker()
    await memory.clock.advance(1)
    record = await memory.clock.until(run.cancel())
    assert (record.status, memory.done) == ("cancelled", ["undone"])


@pytest.mark.parametrize("where", ["on the loop", "in a thread"])
@pytest.mark.parametrize("raised", RAISING)
async def test_it_is_the_failure_of_its_tool_and_the_model_is_told(raised: str, where: str) -> None:
    def sync() -> str:
        """Raise."""
        RAISING[raised]()
        return "never"

    async def asynchronous() -> str:
        """Raise."""
        RAISING[raised]()
        return "never"

    name = "sync" if where == "in a thread" else "asynchronous"
    tool = sync if where == "in a thread" else asynchronous
    model = ScriptedModel([call(name), say("It failed.")])
    app = App("memory:", agents=[Agent("agent", model=model, tools=[tool])])
    async with app, asyncio.timeout(10):
        thread = await app.threads.create("agent")
        turn = await thread.send("go")
        await turn.result()
        assert raised in str(await thread.messages())


async def test_a_step_that_cancels_its_own_task_fails_and_the_next_one_keeps_its_timeout(memory: Cluster) -> None:
    async def cancels() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async def flow(ctx: perdure.Context) -> list[str]:
        said: list[str] = []
        for name, function, timeout in (("cancels", cancels, None), ("hangs", asyncio.Event().wait, 1.0)):
            try:
                await ctx.step(name, function, timeout=timeout)
            except StepFailed as error:
                said.append(error.code)
        return said

    assert await memory.run(flow) == ["step_failed", "step_timed_out"]


def test_what_a_signal_handler_raises_is_told_apart_from_what_code_raises() -> None:
    def handler(number: int, frame: object) -> None:
        sys.exit(0)

    def raised_by(code: Callable[[], object]) -> SystemExit:
        with pytest.raises(SystemExit) as raised:
            code()
        return raised.value

    before = signal.signal(signal.SIGTERM, handler)
    try:
        by_signal, by_code = raised_by(partial(signal.raise_signal, signal.SIGTERM)), raised_by(partial(sys.exit, 0))
        assert is_of_signal(by_signal)
        assert not is_of_signal(by_code)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not is_of_signal(by_signal)  # a handler that is not in place is a function like any other


def test_pythons_own_handler_of_ctrl_c_is_told_apart_too() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as by_signal:
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt) as by_code:
            raise KeyboardInterrupt
        assert is_of_signal(by_signal.value)
        assert not is_of_signal(by_code.value)
    finally:
        signal.signal(signal.SIGINT, before)

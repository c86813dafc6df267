"""The programs whose journals are kept in a middle that nobody was to see: in doubt, asked, stopped, parked, left.

As `programs`, they never change.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from perdure import Agent, App, Context, Retry, StepFailed, tool
from perdure.core.values import Value
from perdure.errors import ModelUnavailable
from perdure.models.protocol import ModelEvent, ModelReply, ModelRequest
from perdure.runs.options import InDoubt
from perdure.testing.scripted import ScriptedModel, call, calls, fail, say, think

SHORT = 0.02
SECOND = 1.0
LATER = Retry(attempts=3, initial=1.5, jitter=False)
"""Longer than what a run is held for."""


class CutOff(ScriptedModel):
    """A model whose provider ends each reply before the model does."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        async with aclosing(super().stream(request)) as events:
            async for event in events:
                is_end = isinstance(event, ModelReply)
                yield msgspec.structs.replace(event, finish_reason="length") if is_end else event


class Unfinished:
    """The programs, and what each of them really executed.

    Shape: while `is_first` they do what leaves them unfinished; later they do what brings them to their end. The code
    of `changed` is another one where `has_changed`.
    """

    def __init__(self, url: str, *, is_first: bool = False, has_changed: bool = False) -> None:
        self.executed = list[str]()
        self.is_first = is_first
        self.has_changed = has_changed
        self.is_held = asyncio.Event()
        asked = [
            calls(think("Which one? "), say("I pay."), call("pay"), call("refuse"), call("notify")),
            say("It is paid."),
        ]
        payer = Agent(
            "payer",
            model=ScriptedModel(asked),
            tools=[
                tool(in_doubt="ask", timeout=SHORT)(self.pay),
                self.refuse,
                tool(timeout=SHORT)(self.notify),
            ],
        )
        talker = Agent("talker", model=ScriptedModel([say("One two three four."), say("Five.")], gate=self.hold))
        short = Agent("short", model=CutOff([say("And then")]))
        unsteady = ScriptedModel([[say("Half an"), fail(ModelUnavailable("away", status=503))], say("Whole.")])
        patient = Agent("patient", model=unsteady, retry=LATER)
        again = ScriptedModel(
            [[say("One "), fail(ModelUnavailable("away", status=503))], say("One two three four.")], gate=self.hold
        )
        quick = Agent("quick", model=again, retry=Retry(attempts=5, initial=0.01, jitter=False))
        self.app = App(url, agents=[payer, talker, short, patient, quick], grace=0.0, lease_for=SECOND)
        for function in (self.charges, self.changed, self.left, self.deaf, self.strict, self.waits, self.parent):
            self.app.workflow(name=function.__name__)(function)

    async def last(self, name: str) -> str:
        """An effect whose end nobody sees at first."""
        self.executed.append(name)
        if self.is_first:
            await asyncio.Event().wait()
        return name.upper()

    async def pay(self) -> str:
        return await self.last("pay")

    async def notify(self) -> str:
        return await self.last("notify")

    def refuse(self) -> str:
        self.executed.append("refuse")
        raise ValueError("refused")

    def do(self, word: str) -> str:
        self.executed.append(word)
        return word.upper()

    async def hold(self, step: int, delta: int) -> None:
        """An answer stands still before its third word."""
        if self.is_first and (step, delta) == (0, 2):
            self.is_held.set()
            await asyncio.Event().wait()

    async def charges(self, ctx: Context) -> list[Value]:
        """One step is in doubt, and a person is asked."""
        before = await ctx.step("before", self.do, "before")
        try:
            charged = await ctx.step("charge", self.last, "charge", timeout=SHORT, in_doubt="ask")
        except StepFailed as failed:
            charged = type(failed).__name__
        return [before, charged, await ctx.step("after", self.do, "after")]

    async def strict(self, ctx: Context) -> list[Value]:
        """A step in doubt that fails by its policy, and a timeout of one that may be repeated."""
        found = list[Value]()
        policies: tuple[tuple[str, InDoubt], ...] = (("strict", "fail"), ("late", "retry"))
        for name, in_doubt in policies:
            try:
                found.append(await ctx.step(name, self.last, name, timeout=SHORT, in_doubt=in_doubt))
            except StepFailed as failed:
                found.append(type(failed).__name__)
        return found

    async def changed(self, ctx: Context) -> list[Value]:
        """Code that changes while its run waits."""
        name = "renamed" if self.has_changed else "named"
        found = [await ctx.step(name, self.do, name)]
        return [*found, await ctx.await_event("go"), await ctx.step("after", self.do, "after")]

    async def left(self, ctx: Context) -> list[Value]:
        """Its process is killed while its steps run."""
        return [
            await ctx.step("committed", self.do, "committed"),
            *await ctx.gather(
                ctx.step("again", self.last, "again"),
                ctx.step("charge", self.last, "charge", in_doubt="ask"),
            ),
        ]

    async def waits(self, ctx: Context) -> list[Value]:
        """For a time, and for the next attempt of a step."""
        return [*await ctx.gather(ctx.sleep(LATER.initial), ctx.step("again", self.second, retry=LATER))]

    async def parent(self, ctx: Context) -> list[Value]:
        """For its child."""
        child = await ctx.start(self.app.workflows.get("waits"))
        return await child.result()

    def second(self) -> str:
        self.executed.append("again")
        if self.is_first:
            raise ValueError("not yet")
        return "AGAIN"

    async def deaf(self, ctx: Context) -> str:
        """It does not hear that it is to be cancelled."""
        return await ctx.step("deaf", self.listen_to_nobody)

    async def listen_to_nobody(self) -> str:
        self.executed.append("deaf")
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

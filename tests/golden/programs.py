"""The programs whose journals are kept. They never change: a new kind of record is a new program with a new file."""

from __future__ import annotations

from perdure import Agent, App, Context, Retry
from perdure.core.values import Value
from perdure.errors import EventTimeout, ModelRequestInvalid, OutcomeError
from perdure.testing.scripted import ScriptedModel, call, fail, say

RUN = "golden"
QUICK = Retry(attempts=3, initial=0.01, jitter=False)


class Programs:
    """The programs, and what each of them really executed."""

    def __init__(self, url: str) -> None:
        self.executed = list[str]()
        self.results = list[Value]()
        self.model = ScriptedModel(
            [
                [say("Let me look."), call("weather", city="Oslo")],
                say("It rains."),
                [say("Half an ans"), fail(ModelRequestInvalid("no such model", status=404))],
                say("After it."),
            ]
        )
        agent = Agent("assistant", model=self.model, tools=[self.weather])
        self.app = App(url, agents=[agent], grace=0.0)
        self.app.workflow(name="everything")(self.everything)
        self.wait = self.app.workflow(name="waits")(self.waits)
        self.double = self.app.workflow(name="doubles")(self.doubles)
        self.break_down = self.app.workflow(name="breaks")(self.breaks)

    def weather(self, city: str) -> str:
        self.executed.append("weather")
        return f"rain in {city}"

    def say(self, word: str) -> str:
        self.executed.append(word)
        return word.upper()

    def unsteady(self, word: str) -> str:
        self.executed.append(word)
        if self.executed.count(word) < 3:
            raise ValueError(f"{word} again")
        return word.upper()

    def refuse(self, word: str) -> str:
        self.executed.append(word)
        raise ValueError(f"{word} is refused")

    async def waits(self, ctx: Context) -> Value:
        ctx.on_cancel(lambda: ctx.step("undo", self.say, "undo"))
        return await ctx.await_event("never")

    async def doubles(self, ctx: Context, number: int) -> int:
        return 2 * number

    async def breaks(self, ctx: Context) -> Value:
        return await ctx.step("breaks", self.refuse, "breaks", retry=Retry(attempts=1))

    async def everything(self, ctx: Context) -> list[Value]:
        """Each kind of step, before a wait for "go" and after it."""
        found: list[Value] = [await ctx.step("plain", self.say, "plain")]
        found.append(await ctx.step("unsteady", self.unsteady, "unsteady", retry=QUICK))
        found.append(await _caught(ctx.step("refuse", self.refuse, "refuse", retry=QUICK)))
        await ctx.sleep(0.01)
        found += [str(await ctx.now()), str(ctx.uuid()), ctx.random().random()]
        found.append(await ctx.gather(ctx.step("left", self.say, "left"), ctx.step("right", self.say, "right")))
        found.append(await ctx.map(lambda number: ctx.step("one", self.say, f"one {number}"), range(3)))
        try:
            await ctx.await_event("late", timeout=0.01)
        except EventTimeout:
            found.append("late")
        found.append(await ctx.emit_event("own", {"by": "itself"}))
        found.append(await ctx.await_event("own", timeout=60))
        child = await ctx.start(self.double, 21)
        found.append(await child.result())
        broken = await ctx.start(self.break_down)
        found.append(await _caught(broken.result()))
        waiting = await ctx.start(self.wait)
        found.append(await ctx.await_event("go"))
        found.append(await _caught(waiting.result()))
        found.append(await ctx.step("last", self.say, "last"))
        self.results.append(found)
        return found


async def _caught(outcome: Value) -> Value:
    try:
        return await outcome
    except OutcomeError as error:
        return [type(error).__name__, str(error)]

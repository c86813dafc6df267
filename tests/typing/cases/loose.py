"""What the API types less than it could. Where a line here turns wrong, its type has become better: move it."""

from typing import Any, assert_type

import perdure
from perdure.runs.calls import Call

app = perdure.App()


async def count(word: str) -> int:
    return len(word)


@app.workflow
async def greet(ctx: perdure.Context, name: str) -> str:
    # the results of a gather have no types of their own
    assert_type(ctx.gather(ctx.step("count", count, name), ctx.step("upper", name.upper)), Call[list[Any]])
    # as_ says nothing about the type of a step
    assert_type(await ctx.step("count", count, name, as_=float), int)
    return name


@perdure.tool(read_only=True)
def shout(word: str) -> str:
    return word.upper()


async def main() -> None:
    # the arguments of a workflow are not looked at
    await app.start(greet)
    await app.start(greet, 7)
    await app.start(greet, nome="Ana")
    # a run by its id has no type
    assert_type(await app.run("greet:1").result(), Any)
    # a function that was made a tool can't be called any more, and its types are lost
    shout("hello")  # error: reportCallIssue
    assert_type(shout.function("hello"), Any)
    # the parameters of a task are not looked at: this one has no context
    store, manifest = await perdure.open_store("memory:"), perdure.Manifest(task=perdure.TaskSpec(id="count"))
    await perdure.run_durable(run_id="count", store=store, task=count, manifest=manifest)

"""What the API types less than it could. Where a line here turns wrong, its type has become better: move it."""

from typing import Any, assert_type

import perdure

app = perdure.App()


async def count(word: str) -> int:
    return len(word)


async def step_with_keywords(ctx: perdure.Context) -> None:
    # what goes into kwargs, and the arguments beside it, are not looked at before the call
    assert_type(await ctx.step("count", count, kwargs={"wort": 7}), int)


@perdure.tool(read_only=True)
def shout(word: str) -> str:
    return word.upper()


async def main() -> None:
    # a run by its id has no type
    assert_type(await app.run("greet:1").result(), Any)
    # a function that was made a tool can't be called any more, and its types are lost
    shout("hello")  # error: reportCallIssue
    assert_type(shout.function("hello"), Any)
    # a workflow that is started by its name has no types
    assert_type(await app.start("greet", 7, run_id="greet:1"), perdure.Run[Any])
    # the parameters of a task are not looked at: this one has no context
    store, manifest = await perdure.open_store("memory:"), perdure.Manifest(task=perdure.TaskSpec(id="count"))
    await perdure.run_durable(run_id="count", store=store, task=count, manifest=manifest)

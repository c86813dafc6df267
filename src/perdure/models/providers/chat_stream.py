"""Chat completions as their servers really stream them, put right before pydantic-ai reads them.

Every value gets the type that the format promises (`chat_chunk`), and every tool call an index of its own
(`chat_calls`). Usage is what the last chunk that has it says: some servers send the sum so far in every chunk, some the
input early and the output late. Of several answers that were asked for only the one that begins first is read.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Collection
from typing import TYPE_CHECKING

from perdure.models.facts import is_error
from perdure.models.finish import finish_of, is_whole
from perdure.models.providers.asked import Asked
from perdure.models.providers.chat_chunk import SAYING, Unreadable, well_typed
from perdure.models.providers.refused import RefusedInBody
from perdure.models.shapes import is_record

if TYPE_CHECKING:
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk


async def put_right(chunks: AsyncIterable[object], asked: Asked) -> AsyncIterator[ChatCompletionChunk]:
    """The chunks of a stream, each put right before anybody looks at it. Raises: Unreadable, RefusedInBody."""
    from perdure.models.providers.chat_calls import Calls

    calls, usage, last, ending, said = Calls(asked.tools), None, None, "", set[str]()
    read: int | None = None
    async for each in chunks:
        chunk = _read(each, said)
        choices = chunk.choices
        if asked.several:  # of whichever begins to say something first
            saying = (choice.index for choice in choices if choice.finish_reason or _said(choice.delta))
            read = next(saying, None) if read is None else read
            choices = [choice for choice in choices if choice.index == read]
        for choice in choices:
            said |= _said(choice.delta)
            for piece in choice.delta.tool_calls or ():
                calls.sort(piece)
            ending = choice.finish_reason or ending
        usage, chunk.usage = _later(usage, chunk.usage), None
        for choice in choices or [None]:
            last = chunk.model_copy(update={"choices": [] if choice is None else [choice]})
            yield last
    if calls.has_nameless and is_whole(finish_of(ending)):
        raise Unreadable("a tool call has no name")
    if last is not None and usage is not None:
        yield last.model_copy(update={"choices": [], "usage": usage})


def _said(delta: object) -> set[str]:
    """Which of its fields a delta has something in."""
    return {name for name in SAYING if getattr(delta, name, None)}


def _read(chunk: object, said: Collection[str]) -> ChatCompletionChunk:
    from openai.types.chat import ChatCompletionChunk

    if not isinstance(chunk, ChatCompletionChunk):
        raise Unreadable("a chunk is no object")
    values = chunk.to_dict(warnings=False)
    if is_error(values):
        raise RefusedInBody(values)
    return ChatCompletionChunk.construct(None, **well_typed(values, said))


def _later(before: CompletionUsage | None, after: CompletionUsage | None) -> CompletionUsage | None:
    """What is known of the usage after one more chunk."""
    if before is None or after is None:
        return after or before
    merged = _merged(before.model_dump(), after.model_dump())
    return type(after).construct(None, **merged)


def _merged(before: dict[str, object], after: dict[str, object]) -> dict[str, object]:
    merged = dict(before)
    for name, value in after.items():
        known = merged.get(name)
        if is_record(known) and is_record(value):
            merged[name] = _merged(dict(known), dict(value))
        elif value:
            merged[name] = value
    return merged

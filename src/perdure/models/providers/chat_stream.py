"""Chat completions as their servers really stream them, put right before pydantic-ai reads them.

Every value gets the type that the format promises (`chat_chunk`), and every tool call an index of its own
(`chat_calls`). Usage is what the last chunk that has it says: some servers send the sum so far in every chunk, some the
input early and the output late. An answer that is no stream of events is told by what it is: a web page means a wrong
URL, a JSON object that is an error by its shape that error, in the stream too.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, AsyncIterator
from functools import cache
from typing import TYPE_CHECKING, cast

import msgspec

from perdure.errors import ModelRequestInvalid
from perdure.models.facts import is_error
from perdure.models.finish import finish_of, is_whole
from perdure.models.providers.chat_chunk import Unreadable, well_typed
from perdure.models.shapes import is_record

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk
    from pydantic_ai.models import Model as SdkModel
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings, OpenAIStreamedResponse

_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_MAX_SHOWN = 2048


class RefusedInBody(Exception):
    """An error that came as the body of a 200; `body` is what it holds."""

    def __init__(self, body: object) -> None:
        super().__init__("the provider answered with an error")
        self.body = body


def tolerant(model: SdkModel) -> SdkModel:
    """The same model, of a class that reads what servers of chat completions make of their format."""
    openai = sys.modules.get("pydantic_ai.models.openai")  # loaded with the model where it is one of these
    if openai is not None and isinstance(model, openai.OpenAIChatModel):
        model.__class__ = _tolerant_model(type(cast("OpenAIChatModel", model)))
    return model


@cache
def _tolerant_model(kind: type[OpenAIChatModel]) -> type[OpenAIChatModel]:
    class TolerantModel(kind):
        async def _process_streamed_response(
            self,
            response: AsyncStream[ChatCompletionChunk],
            model_request_parameters: ModelRequestParameters,
            model_settings: OpenAIChatModelSettings | None = None,
        ) -> OpenAIStreamedResponse:
            await _check_stream(response)
            right = cast("AsyncStream[ChatCompletionChunk]", _RightStream(response))
            return await super()._process_streamed_response(right, model_request_parameters, model_settings)

    return TolerantModel


class _RightStream:
    """A response's chunks, each put right before anybody looks at it."""

    def __init__(self, response: AsyncStream[ChatCompletionChunk]) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        return _put_right(self._response)

    async def close(self) -> None:
        """End the request."""
        await self._response.close()


async def _put_right(chunks: AsyncIterable[object]) -> AsyncIterator[ChatCompletionChunk]:
    """Raises: Unreadable, RefusedInBody."""
    from perdure.models.providers.chat_calls import Calls

    calls, usage, last, ending = Calls(), None, None, ""
    async for each in chunks:
        chunk = _read(each)
        for choice in chunk.choices[:1]:
            for piece in choice.delta.tool_calls or ():
                calls.sort(piece)
            ending = choice.finish_reason or ending
        usage, chunk.usage = _later(usage, chunk.usage), None
        yield chunk
        last = chunk
    if calls.has_nameless and is_whole(finish_of(ending)):
        raise Unreadable("a tool call has no name")
    if last is not None and usage is not None:
        yield last.model_copy(update={"choices": [], "usage": usage})


def _read(chunk: object) -> ChatCompletionChunk:
    from openai.types.chat import ChatCompletionChunk

    if not isinstance(chunk, ChatCompletionChunk):
        raise Unreadable("a chunk is no object")
    values = chunk.to_dict(warnings=False)
    if is_error(values):
        raise RefusedInBody(values)
    return ChatCompletionChunk.construct(None, **well_typed(values))


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


async def _check_stream(response: AsyncStream[ChatCompletionChunk]) -> None:
    """Raises: ModelRequestInvalid for a web page, or a whole reply; RefusedInBody for an error."""
    http = response.response
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _PAGES and kind != "application/json":
        return
    body = await http.aread()
    place = str(http.url.copy_with(userinfo=b"", query=None, fragment=None))
    if kind == "application/json":
        try:
            decoded: object = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return  # may be a stream all the same
        if is_record(decoded) and is_error(decoded):
            raise RefusedInBody(decoded)
    what = f"a web page (HTTP {http.status_code})" if kind in _PAGES else f"a JSON document (HTTP {http.status_code})"
    raise ModelRequestInvalid(
        f"{place} answered with {what}, not with a stream of events: check the base URL",
        status=http.status_code,
        detail=body[:_MAX_SHOWN].decode(errors="replace"),
    )

"""Chat completions as their servers really stream them, put right before pydantic-ai reads them.

Tool calls get an index of their own each (`chat_calls`). Usage is what the last chunk that has it says: some servers
send the sum so far in every chunk, some the input early and the output late. An answer that is no stream of events is
told by what it is: a web page means a wrong URL, a JSON object its error.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, AsyncIterator
from functools import cache
from typing import TYPE_CHECKING, cast

import msgspec

from perdure.errors import ModelRequestInvalid
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
        @property
        def _streamed_response_cls(self) -> type[OpenAIStreamedResponse]:
            return _tolerant_response(super()._streamed_response_cls)

        async def _process_streamed_response(
            self,
            response: AsyncStream[ChatCompletionChunk],
            model_request_parameters: ModelRequestParameters,
            model_settings: OpenAIChatModelSettings | None = None,
        ) -> OpenAIStreamedResponse:
            await _check_stream(response)
            return await super()._process_streamed_response(response, model_request_parameters, model_settings)

    return TolerantModel


@cache
def _tolerant_response(kind: type[OpenAIStreamedResponse]) -> type[OpenAIStreamedResponse]:
    class TolerantResponse(kind):
        def _validate_response(self) -> AsyncIterable[ChatCompletionChunk]:
            return _put_right(super()._validate_response())

    return TolerantResponse


async def _put_right(chunks: AsyncIterable[ChatCompletionChunk]) -> AsyncIterator[ChatCompletionChunk]:
    from perdure.models.providers.chat_calls import Calls

    calls, usage, last = Calls(), None, None
    async for chunk in chunks:
        for choice in (chunk.choices or ())[:1]:  # null where the SDK is loose
            for piece in (choice.delta.tool_calls if choice.delta else None) or ():
                calls.sort(piece)
        usage, chunk.usage = _later(usage, chunk.usage), None
        yield chunk
        last = chunk
    if last is not None and usage is not None:
        yield last.model_copy(update={"choices": [], "usage": usage})


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
    place = f"{http.url.scheme}://{http.url.host}{http.url.path}"
    if kind == "application/json":
        try:
            decoded: object = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return  # may be a stream all the same
        if is_record(decoded) and decoded.get("error"):
            raise RefusedInBody(decoded)
    what = f"a web page (HTTP {http.status_code})" if kind in _PAGES else f"a JSON document (HTTP {http.status_code})"
    raise ModelRequestInvalid(
        f"{place} answered with {what}, not with a stream of events: check the base URL",
        status=http.status_code,
        detail=body[:_MAX_SHOWN].decode(errors="replace"),
    )

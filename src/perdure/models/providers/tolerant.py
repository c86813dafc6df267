"""Models of OpenAI's formats, of classes that read what servers make of them.

What the stream holds is put right before pydantic-ai reads it: see `chat_stream` and `responses_stream`. An answer that
is no stream of events is told by what it is: a web page means a wrong URL, a JSON object that is an error by its shape
that error.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from perdure.core.values import Value
from perdure.errors import ModelRequestInvalid
from perdure.models.facts import is_error
from perdure.models.providers.asked import Asked
from perdure.models.providers.chat_stream import put_right
from perdure.models.providers.refused import RefusedInBody
from perdure.models.providers.responses_stream import with_all_said
from perdure.models.shapes import is_record

if TYPE_CHECKING:
    from openai import AsyncStream
    from pydantic_ai.models import Model as SdkModel

Read: TypeAlias = Callable[[AsyncIterator[Value], Asked], AsyncIterator[Value]]
"""Puts a stream right, given what was asked for."""

_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_MAX_SHOWN = 2048
_PROCESS = "_process_streamed_response"


def tolerant(model: SdkModel) -> SdkModel:
    """The same model, of a class that reads what servers make of its format."""
    openai = sys.modules.get("pydantic_ai.models.openai")  # loaded with the model where it is one of these
    if openai is not None and isinstance(model, openai.OpenAIChatModel):
        model.__class__ = _reading(type(model), put_right)
    elif openai is not None and isinstance(model, openai.OpenAIResponsesModel):
        model.__class__ = _reading(type(model), with_all_said)
    return model


@cache
def _reading(kind: type[SdkModel], read: Read) -> type[SdkModel]:
    """A class of models whose streams are put right by `read`."""
    from pydantic_ai.models import ModelRequestParameters

    process: Callable[..., Awaitable[Value]] = getattr(kind, _PROCESS)

    async def process_right(self: SdkModel, response: AsyncStream[Value], *args: Value, **named: Value) -> Value:
        await _check_stream(response)
        parameters = next(given for given in (*args, *named.values()) if isinstance(given, ModelRequestParameters))
        tools = frozenset(tool.name for tool in parameters.function_tools)
        several = any(_answers(given) != 1 for given in (*args, *named.values()) if is_record(given))
        return await process(self, _RightStream(response, read, Asked(tools, several)), *args, **named)

    return type("TolerantModel", (kind,), {_PROCESS: process_right})


def _answers(settings: Mapping[str, object]) -> object:
    """How many answers were asked for."""
    more = settings.get("extra_body")
    return (more.get("n") if is_record(more) else None) or settings.get("n") or 1


class _RightStream:
    """A response's events, each put right before anybody looks at it."""

    def __init__(self, response: AsyncStream[Value], read: Read, asked: Asked) -> None:
        self._response = response
        self._read = read
        self._asked = asked

    def __aiter__(self) -> AsyncIterator[Value]:
        return self._read(aiter(self._response), self._asked)

    async def close(self) -> None:
        """End the request."""
        await self._response.close()


async def _check_stream(response: AsyncStream[object]) -> None:
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

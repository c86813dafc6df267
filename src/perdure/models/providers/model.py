"""A model of any provider, through pydantic-ai's `model_request_stream`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack

import msgspec
from pydantic_ai import messages as sdk
from pydantic_ai.direct import model_request_stream
from pydantic_ai.models import Model as SdkModel
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from perdure.core.clock import Clock, SystemClock
from perdure.errors import ModelCutOff, ModelRefused, ModelReplyInvalid
from perdure.models.classify import classify
from perdure.models.finish import BROKEN, finish_of, is_whole
from perdure.models.protocol import ModelEvent, ModelRequest, ToolSpec
from perdure.models.providers.deadlines import Watch, deadlines_of
from perdure.models.providers.history import sdk_messages
from perdure.models.providers.options import sdk_settings
from perdure.models.providers.repair import declared
from perdure.models.providers.reply import Assembly

# Adapters and doubles that never pass on the provider's own word.
_SILENT = frozenset({"xai", "function", "test"})


class _Pool(msgspec.Struct, frozen=True):
    """The SDK's model of one event loop, to which its connections belong, and what closes them."""

    model: SdkModel
    keeper: AsyncGenerator[None, None]


class ProviderModel:
    """A model behind `provider:model`; its connections are kept until `aclose`, or until the event loop ends."""

    def __init__(self, name: str, build: Callable[[], SdkModel], *, clock: Clock | None = None) -> None:
        self._name, self._build, self._clock = name, build, clock or SystemClock()
        self._spare: SdkModel | None = build()
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}

    @property
    def name(self) -> str:
        return self._name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        deadlines = deadlines_of(request.settings)
        model = await self._pooled()
        call = model_request_stream(
            model,
            sdk_messages(request),
            model_settings=sdk_settings(model, request.settings, deadlines),
            model_request_parameters=ModelRequestParameters(
                function_tools=[_definition(tool) for tool in declared(request.tools, request.messages)]
            ),
        )
        watch, assembly = Watch(self._clock, deadlines, self._name), Assembly(request.step)
        try:
            async with AsyncExitStack() as stack:
                with watch.waiting():
                    stream = await stack.enter_async_context(call)
                events = aiter(stream)
                while (event := await _next(events, watch)) is not None:
                    for delta in assembly.take(event):
                        yield delta
                response = stream.get()
            reason = self._finish_reason(response, model.system)
            for delta in assembly.close(response, is_whole=is_whole(reason)):
                yield delta
            yield assembly.reply(response, reason)
        except Exception as error:
            raise classify(error, model=self._name, now=self._clock.now(), began=watch.has_begun) from error

    async def aclose(self) -> None:
        """Give this event loop's connections back; the next stream opens new ones."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.keeper.aclose()

    async def _pooled(self) -> SdkModel:
        loop = asyncio.get_running_loop()
        for closed in [other for other in self._pools if other.is_closed()]:
            del self._pools[closed]
        pool = self._pools.get(loop)
        if pool is None:
            model, self._spare = self._spare or self._build(), None
            pool = self._pools[loop] = _Pool(model, _keep(model))
            await anext(pool.keeper)
        return pool.model

    def _finish_reason(self, response: sdk.ModelResponse, system: str) -> str:
        details = response.provider_details or {}
        said, reason = details.get("finish_reason"), response.finish_reason
        if reason == "content_filter" and not response.parts:
            raise ModelRefused(
                f"{self._name} refused the request for its content", detail=str(details.get("refusal", ""))
            )
        # pydantic-ai calls a body that just ends a stop.
        if reason in {None, "stop"} and (not said or response.state == "incomplete") and system not in _SILENT:
            raise ModelCutOff(f"{self._name} ended its answer without a finish reason")
        finish = finish_of(reason or str(said or "stop"))
        if finish == BROKEN:
            raise ModelCutOff(f"{self._name} broke off its answer ({said or reason})", detail=str(said or reason))
        if finish == "tool_calls" and not any(isinstance(part, sdk.ToolCallPart) for part in response.parts):
            raise ModelReplyInvalid(f"{self._name} ended its answer with tool calls, and there is none in it")
        return finish


async def _keep(model: SdkModel) -> AsyncGenerator[None, None]:
    # The loop closes a waiting generator when it shuts down: so nobody has to remember to.
    async with model:
        yield


async def _next(
    events: AsyncIterator[sdk.ModelResponseStreamEvent], watch: Watch
) -> sdk.ModelResponseStreamEvent | None:
    with watch.waiting():
        event = await anext(events, None)
    watch.has_begun = watch.has_begun or event is not None
    return event


def _definition(tool: ToolSpec) -> ToolDefinition:
    return ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.parameters)

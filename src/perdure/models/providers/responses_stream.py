"""A stream of OpenAI's Responses API, with an event for everything that it says.

Servers differ in where an answer stands: OpenAI sends it in deltas and once more, whole, in the events that close a
part, an item and the response. Others send it in some of these only. What nothing has said yet becomes an event of its
own here, before the closing event that has it. The ids of one item may differ between events, so a text counts as said
by its item's id or by its place; and what the last event alone has is read where the stream had nothing of that kind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai.types import responses


async def with_all_said(events: AsyncIterator[object]) -> AsyncIterator[object]:
    """The events, and before each what it alone says."""
    said = _Said()
    async for event in events:
        for missing in said.missing_before(event):
            yield missing
        yield event


class _Said:
    """What has been said of one response: its contents by item and by place, and whether there was a call."""

    def __init__(self) -> None:
        self._contents: set[tuple[str | int, int]] = set()
        self._has_call = False

    def missing_before(self, event: object) -> Iterator[responses.ResponseStreamEvent]:
        """What an event says, and no event before it."""
        from openai.types import responses

        if isinstance(
            event,
            responses.ResponseTextDeltaEvent | responses.ResponseRefusalDeltaEvent | responses.ResponseRefusalDoneEvent,
        ):
            self._note(event.item_id, event.output_index, event.content_index)
        elif isinstance(event, responses.ResponseTextDoneEvent):
            yield from self._text(event.item_id, event.output_index, event.content_index, event.text)
        elif isinstance(event, responses.ResponseOutputItemAddedEvent):
            self._has_call = self._has_call or isinstance(event.item, responses.ResponseFunctionToolCall)
        elif isinstance(event, responses.ResponseOutputItemDoneEvent):
            self._has_call = self._has_call or isinstance(event.item, responses.ResponseFunctionToolCall)
            yield from self._of_item(event.item, event.output_index)
        elif isinstance(event, responses.ResponseCompletedEvent | responses.ResponseIncompleteEvent):
            yield from self._of_response(event.response)

    def _is_said(self, item_id: str, place: int, content: int) -> bool:
        return not self._contents.isdisjoint({(item_id, content), (place, content)})

    def _note(self, item_id: str, place: int, content: int) -> None:
        self._contents |= {(item_id, content), (place, content)}

    def _text(self, item_id: str, place: int, content: int, text: str) -> Iterator[responses.ResponseTextDeltaEvent]:
        """A whole text as one delta, where nothing of it was said."""
        from openai.types import responses

        if text and not self._is_said(item_id, place, content):
            self._note(item_id, place, content)
            yield responses.ResponseTextDeltaEvent.construct(
                type="response.output_text.delta",
                item_id=item_id,
                output_index=place,
                content_index=content,
                delta=text,
                logprobs=[],
                sequence_number=0,
            )

    def _of_item(self, item: responses.ResponseOutputItem, place: int) -> Iterator[responses.ResponseStreamEvent]:
        """The contents of a message that nothing has said."""
        from openai.types import responses

        if not isinstance(item, responses.ResponseOutputMessage):
            return
        for number, content in enumerate(item.content or ()):
            if isinstance(content, responses.ResponseOutputText):
                yield from self._text(item.id, place, number, content.text)
            elif not self._is_said(item.id, place, number):
                self._note(item.id, place, number)
                yield responses.ResponseRefusalDoneEvent.construct(
                    type="response.refusal.done",
                    item_id=item.id,
                    output_index=place,
                    content_index=number,
                    refusal=content.refusal,
                    sequence_number=0,
                )

    def _of_response(self, response: responses.Response) -> Iterator[responses.ResponseStreamEvent]:
        """The messages of a response that has said nothing, and the calls of one without a call."""
        from openai.types import responses

        is_silent, is_without_calls = not self._contents, not self._has_call
        for place, item in enumerate(response.output or ()):
            if is_silent:
                yield from self._of_item(item, place)
            if is_without_calls and isinstance(item, responses.ResponseFunctionToolCall):
                yield responses.ResponseOutputItemAddedEvent.construct(
                    type="response.output_item.added", item=item, output_index=place, sequence_number=0
                )

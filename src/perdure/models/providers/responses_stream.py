"""A stream of OpenAI's Responses API, with an event for everything that it says, once.

Servers differ in where an answer stands: OpenAI sends it in deltas and once more, whole, in the events that close a
part, an item and the response. Others send it in some of these only, with no ids, or with other ids in each. Here every
text and every call is known by its id, by its call id or by its place; each event gets the id that the first one had,
and what nothing has said yet becomes an event of its own before the one that has it. What a closing event says
otherwise than the deltas did is not said again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from perdure.core.values import Value
from perdure.models.providers.asked import Asked
from perdure.models.providers.chat_chunk import text_of

if TYPE_CHECKING:
    from openai.types import responses

MADE_UP = "perdure_item_"
"""How an id begins that stands for one that the server has not given: it is never sent back."""


async def with_all_said(events: AsyncIterator[Value], _: Asked) -> AsyncIterator[Value]:
    """The events, each thing said once, under one id."""
    reading = _Reading()
    async for event in events:
        for each in reading.read(event):
            yield each


class _Item:
    """A text or a call: its id here, where it stands, and what was said of it."""

    def __init__(self, item_id: str, place: int | None, key: str) -> None:
        """Shape: `key` is a call's call id, or # and the number of a text within its message, empty where unknown."""
        self.item_id, self.place, self.key = item_id, place, key
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """More was said of it."""
        self._pieces.append(piece)

    @property
    def said(self) -> str:
        """All that was said of it; joined when it is asked for, which no delta does."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def may_be(self, whole: str) -> bool:
        """Whether a whole text is that of this one, as far as it was said; true where none is given."""
        return not whole or whole.startswith(self.said) or self.said.startswith(whole)


class _Reading:
    """What has been read of one response."""

    def __init__(self) -> None:
        self._texts: list[_Item] = []
        self._calls: list[_Item] = []
        self._made = 0

    def read(self, event: Value) -> Iterator[Value]:
        """What comes in the place of an event."""
        from openai.types import responses

        kind: str = getattr(event, "type", "")
        item: Value = getattr(event, "item", None)
        if kind == "response.output_text.delta":
            yield from self._delta(event)
        elif kind in {"response.function_call_arguments.delta", "response.function_call_arguments.done"}:
            yield from self._arguments(event)
        elif isinstance(item, responses.ResponseFunctionToolCall):
            yield from self._call(item, event.output_index)
        else:
            yield from self._closed(kind, event)
            yield event

    def _closed(self, kind: str, event: Value) -> Iterator[Value]:
        """What an event that closes something has, and no event before it."""
        if kind in {"response.output_text.done", "response.content_part.done"}:
            whole: Value = event.text if kind.startswith("response.output") else getattr(event.part, "text", None)
            yield from self._text(event.item_id, event.output_index, event.content_index, whole)
        elif kind == "response.output_item.done":
            yield from self._contents(event.item, event.output_index)
        elif kind in {"response.completed", "response.incomplete"}:
            yield from self._output(getattr(event.response, "output", None) or [])

    def _output(self, output: list[Value]) -> Iterator[Value]:
        from openai.types import responses

        lacks_text = sum(len(list(_texts_of(each))) for each in output) > len(self._texts)
        for place, each in enumerate(output):
            if isinstance(each, responses.ResponseFunctionToolCall):
                yield from self._call(each, place)
            else:
                yield from self._contents(each, place, lacks_text=lacks_text)

    # Texts.

    def _delta(self, event: responses.ResponseTextDeltaEvent) -> Iterator[responses.ResponseTextDeltaEvent]:
        event.delta = text_of(event.delta) or ""
        if event.delta:
            number: Value = event.content_index  # the SDK lets null through, and what is not there
            key = "" if number is None else f"#{number}"
            text = _find(self._texts, event.item_id, event.output_index, key)
            text = text or self._new(self._texts, event.item_id, event.output_index, key)
            text.add(event.delta)
            event.item_id = text.item_id
            yield event

    def _text(
        self, item_id: str | None, place: int, number: int, whole: Value, *, may_be_new: bool = True
    ) -> Iterator[responses.ResponseTextDeltaEvent]:
        """What was not said yet of a text that is whole."""
        from openai.types import responses

        if not isinstance(whole, str):
            return
        key = f"#{number}"
        text = _find(self._texts, item_id, place, key, whole)
        if text is None and may_be_new:
            text = self._new(self._texts, item_id, place, key)
        if text is not None and whole.startswith(text.said) and whole != text.said:
            rest = whole[len(text.said) :]
            text.add(rest)
            yield responses.ResponseTextDeltaEvent.construct(
                type="response.output_text.delta",
                item_id=text.item_id,
                output_index=place,
                content_index=number,
                delta=rest,
                logprobs=[],
                sequence_number=0,
            )

    def _contents(self, item: Value, place: int, *, lacks_text: bool | None = None) -> Iterator[Value]:
        """What was not said yet of a message.

        Shape: in the last event it may stand under other ids, at another place; `lacks_text` says whether there are
        more texts in that than were read.
        """
        from openai.types import responses

        texts = list(_texts_of(item))
        joined = "".join(whole for _, _, whole in texts if isinstance(whole, str))
        if joined and any(text.said == joined and text.place in {None, place} for text in self._texts):
            return  # said under one number
        for number, content, whole in texts:
            if isinstance(content, responses.ResponseOutputRefusal):
                yield responses.ResponseRefusalDoneEvent.construct(
                    type="response.refusal.done",
                    item_id=item.id,
                    output_index=place,
                    content_index=number,
                    refusal=content.refusal,
                    sequence_number=0,
                )
            elif isinstance(whole, str) and (lacks_text is None or all(text.said != whole for text in self._texts)):
                yield from self._text(item.id, place, number, whole, may_be_new=lacks_text is not False)

    # Calls.

    def _call(self, item: responses.ResponseFunctionToolCall, place: int) -> Iterator[Value]:
        """A call that begins, or the rest of its arguments."""
        from openai.types import responses

        call = _find(self._calls, item.id, place, item.call_id or "")
        if call is not None:
            yield from self._rest(call, item.arguments, place)
            return
        call = self._new(self._calls, item.id, place, item.call_id or "")
        item.arguments = text_of(item.arguments) or ""
        call.add(item.arguments)
        item.id = call.item_id
        yield responses.ResponseOutputItemAddedEvent.construct(
            type="response.output_item.added", item=item, output_index=place, sequence_number=0
        )

    def _arguments(self, event: Value) -> Iterator[Value]:
        call = _find(self._calls, event.item_id, event.output_index, "")
        if call is None:
            return  # of a call that has not begun: its item has all of them
        if event.type == "response.function_call_arguments.done":
            yield from self._rest(call, event.arguments, event.output_index)
        elif event.delta:
            event.delta = text_of(event.delta) or ""
            call.add(event.delta)
            event.item_id = call.item_id
            yield event

    @staticmethod
    def _rest(call: _Item, arguments: Value, place: int) -> Iterator[responses.ResponseFunctionCallArgumentsDeltaEvent]:
        from openai.types import responses

        whole = text_of(arguments) or ""
        if whole.startswith(call.said) and whole != call.said:
            rest = whole[len(call.said) :]
            call.add(rest)
            yield responses.ResponseFunctionCallArgumentsDeltaEvent.construct(
                type="response.function_call_arguments.delta",
                item_id=call.item_id,
                output_index=place,
                delta=rest,
                sequence_number=0,
            )

    def _new(self, items: list[_Item], item_id: str | None, place: int | None, key: str) -> _Item:
        if not item_id or any(item.item_id == item_id and item.key == key for item in items):
            self._made += 1
            item_id = f"{MADE_UP}{self._made}"
        items.append(_Item(item_id, place, key))
        return items[-1]


def _texts_of(item: Value) -> Iterator[tuple[int, Value, Value]]:
    """The contents of a message: its number, it itself, and its text where it has one."""
    if getattr(item, "type", None) == "message":
        contents: list[Value] = [item.content] if isinstance(item.content, str) else item.content or []
        for number, content in enumerate(contents):
            yield number, content, content if isinstance(content, str) else getattr(content, "text", None)


def _find(items: list[_Item], item_id: str | None, place: int | None, key: str, whole: str = "") -> _Item | None:
    """The item that an event is about: of its id, of its call id, or, where they do not speak against it, its place.

    Shape: `key` is as that of `_Item`, empty where the event has none; `whole` is the whole text where it has that.
    """
    of_key = [item for item in items if not key or item.key in {key, ""}]
    by_id = [item for item in of_key if item_id and item.item_id == item_id]
    by_call = [item for item in of_key if key and not key.startswith("#")]
    by_place = [item for item in of_key if (item.place in {place, None} or place is None) and item.may_be(whole)]
    return next(iter((*by_id, *by_call, *by_place)), None)

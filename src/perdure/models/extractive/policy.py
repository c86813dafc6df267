"""What the model does next, decided from the request alone.

Small talk is answered at once. First round: ask the tools that the question names, with what it says for their
parameters; else list, and search for each term, all at once. Then read around the best lines found so far, until the
best one has been read in its place. Then quote, where a place has more of the question than one word of two. A report
that the instructions or the question ask for is sent once, with the answer, before the last words.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec

from perdure.core.messages import ToolCallPart
from perdure.models.extractive.answer import answer_of, nothing_found, of_itself, to_small_talk, with_reports
from perdure.models.extractive.arguments import Call
from perdure.models.extractive.asking import named_calls
from perdure.models.extractive.evidence import Evidence, arguments_of, calls_of, gather
from perdure.models.extractive.question import Question, question_of, read
from perdure.models.extractive.ranking import Found, rank
from perdure.models.extractive.reading import reads
from perdure.models.extractive.reporting import is_asked, report_arguments
from perdure.models.extractive.searching import first_searches, second_searches
from perdure.models.extractive.tools import Tool, tools_of
from perdure.models.protocol import ModelRequest

_MAX_ROUNDS = 4
_ENOUGH = 0.6
_LOOKING = frozenset({"search", "read", "list"})


class Decision(msgspec.Struct, frozen=True):
    """Calls to make at once, or words to end with."""

    calls: tuple[Call, ...] = ()
    words: str = ""


def decide(request: ModelRequest) -> Decision:
    """The next step of the turn."""
    question, tools = question_of(request.messages), tools_of(request.tools)
    if question.is_small_talk:
        return Decision(words=to_small_talk(question, tools))
    done = calls_of(request.messages)
    reports = [tool for tool in tools if tool.role == "report" and is_asked(tool, request.instructions, question.text)]
    sent = [call for call in done if any(call.tool == tool.name for tool in reports)]
    turn = _Turn(question, tools, [call for call in done if call not in sent])
    calls = [] if sent else turn.next_calls()
    if calls:
        return Decision(calls=tuple(calls))
    answer = turn.answer()
    for tool in reports:
        arguments = report_arguments(tool, question.text, answer)
        # Sent means asked to: a report whose outcome is unknown is not sent again.
        if arguments is not None and not any(call.tool == tool.name for call in sent):
            return Decision(calls=(Call(tool.name, arguments),))
    return Decision(words=with_reports(answer, sent))


class _Turn:
    """A question, the tools for it, and what they were asked so far."""

    def __init__(self, question: Question, tools: Sequence[Tool], done: Sequence[ToolCallPart]) -> None:
        self._question, self._tools, self._done = question, tools, done

    @cached_property
    def _evidence(self) -> Evidence:
        return gather(self._done, self._tools)

    @cached_property
    def _ranked(self) -> list[Found]:
        return rank(self._question, self._evidence.files)

    def answer(self) -> str:
        """The best that can be said now."""
        if not self._done:
            return of_itself(self._question, self._tools)
        found = answer_of(self._question, self._evidence, self._ranked)
        return found or nothing_found(self._question, self._evidence)

    def next_calls(self) -> list[Call]:
        """What is worth asking still; nothing where the answer is there, or the rounds are used up."""
        if self._question.is_about_itself or not self._question.terms:
            return []
        if not self._done:
            return self._first_calls()
        rounds = len({call.step for call in self._done})
        if rounds >= _MAX_ROUNDS or self._evidence.said:
            return []
        calls = reads(self._question, self._tools, self._evidence, self._ranked)
        if rounds == 1:
            calls += second_searches(self._question, self._tools, self._evidence)
        before = {Call(call.tool, dict(arguments_of(call))).identity for call in self._done}
        return [call for call in calls if call.identity not in before]

    def _first_calls(self) -> list[Call]:
        looks = any(tool.role in _LOOKING for tool in self._tools)
        calls = named_calls(self._question, self._tools, share=_ENOUGH if looks else 0.0)
        calls = calls or first_searches(self._question, self._tools)
        if calls:
            return calls
        # "And in Bergen?" names no tool: the question before it did. What it names itself comes first.
        both = read(f"{self._question.text} {self._question.before}")
        own = msgspec.structs.replace(both, text=self._question.text)
        return named_calls(own, self._tools, share=0.0) or named_calls(both, self._tools, share=0.0)

"""What to read: the places of the best lines found so far."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.models.extractive.arguments import Arguments, Call
from perdure.models.extractive.evidence import Evidence
from perdure.models.extractive.question import Question
from perdure.models.extractive.ranking import Found
from perdure.models.extractive.tools import Tool
from perdure.models.extractive.words import likeness, split

_MAX_READS = 3
_BEFORE, _AFTER = 25, 55
_WHOLE = 400
_CLOSE = 0.5


def reads(question: Question, tools: Sequence[Tool], evidence: Evidence, ranked: Sequence[Found]) -> list[Call]:
    """Reads around the best lines, until the best has been read; of files whose names fit, where no line was found."""
    tool = next((each for each in tools if each.role == "read" and each.path is not None), None)
    if tool is None:
        return []
    if not ranked:
        searched = any(each.role == "search" for each in tools)
        named = sorted(evidence.listed, key=lambda path: (-_fits(question, path), path))
        unread = [path for path in named if not evidence.has_read(path) and (_fits(question, path) or not searched)]
        return [_read(tool, path, 1, _WHOLE) for path in unread[:_MAX_READS]]
    if evidence.covers(ranked[0].path, ranked[0].number):
        return []
    calls: list[Call] = []
    taken: dict[str, list[int]] = {}
    for found in ranked:
        if len(calls) == _MAX_READS or found.score < ranked[0].score * _CLOSE:
            break
        others = taken.setdefault(found.path, [])
        # Without a range, a file is read whole, once.
        is_taken = bool(others) and (tool.first is None or any(_is_near(found.number, other) for other in others))
        if not is_taken and not evidence.covers(found.path, found.number):
            others.append(found.number)
            calls.append(_read(tool, found.path, max(1, found.number - _BEFORE), found.number + _AFTER))
    return calls


def _is_near(number: int, other: int) -> bool:
    return other - _BEFORE <= number <= other + _AFTER


def _read(tool: Tool, path: str, first: int, last: int) -> Call:
    arguments: Arguments = {tool.path.name: path} if tool.path is not None else {}
    if tool.first is not None:
        arguments[tool.first.name] = first
    if tool.last is not None:
        arguments[tool.last.name] = last
    elif tool.count is not None:
        arguments[tool.count.name] = last - first + 1 if tool.first is not None else last
    return Call(tool.name, arguments)


def _fits(question: Question, path: str) -> float:
    words = split(path)
    return sum(max((likeness(word, each) for word in words), default=0.0) for each in question.words)

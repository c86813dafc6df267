"""The last words: a tool's own, or a quote with its file and line; never more than was found."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.core.messages import ToolCallPart
from perdure.models.extractive.asking import missing
from perdure.models.extractive.evidence import Evidence, arguments_of, said_by
from perdure.models.extractive.matching import Matcher, share
from perdure.models.extractive.outline import doc_of, outline
from perdure.models.extractive.passages import Line
from perdure.models.extractive.question import Question
from perdure.models.extractive.ranking import Found
from perdure.models.extractive.tools import Tool

HONEST = (
    "I am perdure's embedded extractive model: I search with the tools I was given and quote what I find; "
    "I do not understand."
)

_MAX_QUOTE = 12
_MAX_SAID = 1200
_MAX_LOOSE = 3
_ALSO = 0.75
_MAX_ALSO = 2


def with_reports(answer: str, sent: Sequence[ToolCallPart]) -> str:
    """The answer, and what became of the report."""
    return "\n\n".join([answer, *(_told(call) for call in sent)])


def of_itself(question: Question, tools: Sequence[Tool]) -> str:
    """Who speaks, what it can use, and what it lacks."""
    names = ", ".join(tool.name for tool in tools)
    if not names:
        return f"{HONEST} I have no tools, so I found nothing."
    if question.is_about_itself or not question.terms:
        return f"{HONEST} My tools: {names}."
    needs = "; ".join(missing(question, tools))
    if needs:
        return f"{needs}: your question does not say. {HONEST}"
    return f"{HONEST} I see nothing there to ask {names}."


def nothing_found(question: Question, evidence: Evidence) -> str:
    """What was looked for in vain, or failed."""
    if evidence.failed:
        return "\n".join(_told(call) for call in evidence.failed[:_MAX_LOOSE])
    terms = ", ".join(term.text for term in question.terms)
    return f"I looked for {terms} and found nothing. {HONEST}"


def answer_of(question: Question, evidence: Evidence, ranked: Sequence[Found]) -> str | None:
    """Tools' words first; else the best line in its place; else the best of what has no place."""
    if evidence.said:
        return "\n".join(_spoken(question, text) for text in _distinct(evidence))
    if ranked:
        return _quoted(evidence, ranked)
    loose = _best_loose(question, evidence.loose)
    return "\n".join(loose) if loose else None


def _distinct(evidence: Evidence) -> list[str]:
    failed = [_told(call) for call in evidence.failed]
    return list(dict.fromkeys([*(text or "(nothing)" for _, text in evidence.said), *failed]))


def _spoken(question: Question, text: str) -> str:
    if len(text) <= _MAX_SAID:
        return text
    lines = [Line(None, None, each) for each in text.splitlines()]
    return "\n".join(_best_loose(question, lines)) or f"{text[:_MAX_SAID]}…"


def _quoted(evidence: Evidence, ranked: Sequence[Found]) -> str:
    best = ranked[0]
    rows = outline(best.path, evidence.files[best.path])
    row = rows[best.number]
    docs = [each.number for each in doc_of(row, rows)] if row.defines else []
    last = min(max([best.number, *docs]), best.number + _MAX_QUOTE)
    quote = [rows[number].text for number in range(best.number, last + 1) if number in rows]
    margin = min(len(text) - len(text.lstrip()) for text in quote if text.strip())
    shown = "\n".join(text[margin:].rstrip() for text in quote)
    text = f"`{best.path}:{best.number}`\n\n```\n{shown}\n```"
    also = _others(ranked)
    return f"{text}\n\nSee also {' and '.join(also)}." if also else text


def _others(ranked: Sequence[Found]) -> list[str]:
    best = ranked[0]
    seen, also = {(best.path, best.text.strip())}, list[str]()
    for found in ranked[1:]:
        if found.score < best.score * _ALSO or len(also) == _MAX_ALSO:
            break
        is_near = found.path == best.path and abs(found.number - best.number) <= _MAX_QUOTE
        if not is_near and (found.path, found.text.strip()) not in seen:
            seen.add((found.path, found.text.strip()))
            also.append(f"`{found.path}:{found.number}` (`{found.text.strip()}`)")
    return also


def _best_loose(question: Question, lines: Sequence[Line]) -> list[str]:
    """The best lines that belong to no place, in their order."""
    matcher = Matcher(question)
    matches = [matcher.match(line.text) for line in lines]
    weights = matcher.weights(matches)
    worth = {n: share(weights, vector) for n, vector in enumerate(matches) if any(vector)}
    best = sorted(worth, key=lambda n: (-worth[n], n))[:_MAX_LOOSE]
    texts = [(lines[n].path, lines[n].text.strip()) for n in sorted(best)]
    return [f"{path}: {text}" if path else text for path, text in texts]


def _told(call: ToolCallPart) -> str:
    if call.state == "completed":
        said = said_by(call.output)
        return f"Sent with {call.tool}" + (f": {said}" if said and len(said) < _MAX_SAID else ".")
    given = ", ".join(f"{name}={value!r}" for name, value in arguments_of(call).items())
    return f"{call.tool}({given[:200]}): {call.error or 'no result is known'}"

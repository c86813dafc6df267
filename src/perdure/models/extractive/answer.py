"""The last words: a tool's own, or a quote with its file and line; never more than was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perdure.core.messages import ToolCallPart
from perdure.models.extractive.asking import missing
from perdure.models.extractive.evidence import Evidence, arguments_of, said_by
from perdure.models.extractive.matching import Matcher, share
from perdure.models.extractive.outline import doc_of, is_prose_file, outline
from perdure.models.extractive.passages import Line
from perdure.models.extractive.question import Question
from perdure.models.extractive.ranking import Found
from perdure.models.extractive.sentences import joined, span, split_sentences
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
_ENOUGH = 0.5  # of a question's weight: with no more than one word of two, a line is about something else


def with_reports(answer: str, sent: Sequence[ToolCallPart]) -> str:
    """The answer, and what became of the report."""
    return "\n\n".join([answer, *(_told(call) for call in sent)])


def of_itself(question: Question, tools: Sequence[Tool]) -> str:
    """Who speaks, what it can use, and what it lacks."""
    names = ", ".join(tool.name for tool in tools)
    if not names:
        return f"{HONEST} I have no tools, so I found nothing."
    if question.is_about_itself or question.is_small_talk or not question.terms:
        return f"{HONEST} My tools: {names}."
    needs = "; ".join(missing(question, tools))
    if needs:
        return f"{needs}: your question does not say. {HONEST}"
    return f"{HONEST} I see nothing there to ask {names}."


def to_small_talk(question: Question, tools: Sequence[Tool]) -> str:
    """An answer to thanks, a greeting or a remark: no tool is asked for one."""
    return "You are welcome." if question.is_thanks else of_itself(question, tools)


def nothing_found(question: Question, evidence: Evidence) -> str:
    """What was looked for in vain, or failed."""
    if evidence.failed:
        return "\n".join(_told(call) for call in evidence.failed[:_MAX_LOOSE])
    terms = ", ".join(term.text for term in question.terms)
    lines = [text for numbered in evidence.files.values() for text in numbered.values()]
    has_some = _covered(question, [*lines, *(line.text for line in evidence.loose)]) > 0
    what = "no place that has them together" if has_some else "nothing"
    return f"I looked for {terms} and found {what}. {HONEST}"


def answer_of(question: Question, evidence: Evidence, ranked: Sequence[Found]) -> str | None:
    """Tools' words first; else the best line in its place; else what has no place. None where nothing fits."""
    if evidence.said:
        return "\n".join(_spoken(question, text) for text in _distinct(evidence))
    if ranked:
        return _quoted(question, evidence, ranked) if _fits(question, evidence, ranked[0]) else None
    loose = _best_loose(question, evidence.loose, _ENOUGH)
    return "\n".join(loose) if loose else None


def _distinct(evidence: Evidence) -> list[str]:
    failed = [_told(call) for call in evidence.failed]
    return list(dict.fromkeys([*(text or "(nothing)" for _, text in evidence.said), *failed]))


def _spoken(question: Question, text: str) -> str:
    if len(text) <= _MAX_SAID:
        return text
    lines = [Line(None, None, each) for each in text.splitlines()]
    return "\n".join(_best_loose(question, lines)) or f"{text[:_MAX_SAID]}…"


def _fits(question: Question, evidence: Evidence, best: Found) -> bool:
    """Whether the place of the best line has more of the question than a word that it shares with anything."""
    rows = outline(best.path, evidence.files[best.path])
    near = range(best.number - _MAX_QUOTE, best.number + _MAX_QUOTE + 1)
    texts = [rows[number].text for number in (*near, *rows[best.number].owners) if number in rows]
    return _covered(question, [best.path, *texts]) > _ENOUGH


def _covered(question: Question, texts: Sequence[str]) -> float:
    """The part of the question's weight that texts have together."""
    matcher = Matcher(question)
    return share(tuple(term.weight for term in question.terms), matcher.best(texts, 1.0))


def _quoted(question: Question, evidence: Evidence, ranked: Sequence[Found]) -> str:
    best = ranked[0]
    lines = evidence.files[best.path]
    rows = outline(best.path, lines)
    row = rows[best.number]
    if row.defines and row.kind != "heading":
        docs = [each.number for each in doc_of(row, rows)]
        first, last = min([best.number, *docs]), min(max([best.number, *docs]), best.number + _MAX_QUOTE)
        quote = [rows[number].text for number in range(first, last + 1) if number in rows]
    elif row.kind == "heading":
        quote = [row.text, *_below(lines, best.number)]
    elif row.is_prose or row.kind == "comment" or is_prose_file(best.path):
        quote = _sentences(question, lines, best.number)
    else:
        quote = [row.text]
    margin = min(len(text) - len(text.lstrip()) for text in quote if text.strip())
    shown = "\n".join(text[margin:].rstrip() for text in quote)
    text = f"`{best.path}:{best.number}`\n\n```\n{shown}\n```"
    also = _others(ranked)
    return f"{text}\n\nSee also {' and '.join(also)}." if also else text


def _below(lines: Mapping[int, str], number: int) -> list[str]:
    """The first paragraph under a heading."""
    found = list[str]()
    for after in range(number + 1, number + 1 + _MAX_QUOTE):
        text = lines.get(after)
        if text is None or (not text.strip() and any(each.strip() for each in found)):
            break
        found.append(text)
    return found if any(each.strip() for each in found) else []


def _sentences(question: Question, lines: Mapping[int, str], number: int) -> list[str]:
    """The whole sentences that a line is of, those that have nothing of the question left out."""
    first, last = span(lines, number, _MAX_QUOTE)
    before = sum(len(lines[each]) + 1 for each in range(first, number))
    text = "\n".join(lines[each] for each in range(first, last + 1))
    own = range(before, before + len(lines[number]) + 1)
    spans = [each for each in split_sentences(text) if each[0] < own.stop and each[1] > own.start]
    matcher = Matcher(question)
    fitting = [n for n, (begin, end) in enumerate(spans) if any(matcher.match(text[begin:end]))] or [0]
    begin, end = spans[fitting[0]][0], spans[fitting[-1]][1]
    return text[begin:end].strip("\n").splitlines()


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


def _best_loose(question: Question, lines: Sequence[Line], enough: float = 0.0) -> list[str]:
    """The best sentences that belong to no place, in their order; none where they have too little of the question."""
    sentences = list(joined(lines))
    matcher = Matcher(question)
    matches = [matcher.match(line.text) for line in sentences]
    weights = matcher.weights(matches)
    worth = {n: share(weights, vector) for n, vector in enumerate(matches) if any(vector)}
    best = sorted(worth, key=lambda n: (-worth[n], n))[:_MAX_LOOSE]
    if _covered(question, [sentences[n].text for n in best]) <= enough:
        return []
    texts = [(sentences[n].path, sentences[n].text.strip()) for n in sorted(best)]
    return [f"{path}: {text}" if path else text for path, text in texts]


def _told(call: ToolCallPart) -> str:
    if call.state == "completed":
        said = said_by(call.output)
        return f"Sent with {call.tool}" + (f": {said}" if said and len(said) < _MAX_SAID else ".")
    given = ", ".join(f"{name}={value!r}" for name, value in arguments_of(call).items())
    return f"{call.tool}({given[:200]}): {call.error or 'no result is known'}"

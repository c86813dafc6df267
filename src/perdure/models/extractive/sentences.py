"""Whole sentences of texts whose lines are wrapped: half of one may say the opposite."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from perdure.models.extractive.passages import Line

_END = re.compile(r"[.!?:;][\"'”’)\]*_`]*\s*$")
_BREAK = re.compile(r"[.!?][\"'”’)\]*_`]*\s+(?=[\"'“(\[*_`]*[A-ZÀ-Þ0-9])")
_ABBREVIATED = re.compile(r"\b(?:[A-Z]|Dr|Mr|Mrs|Ms|St|No|vs|etc|e\.g|i\.e|cf|approx)\.$")
_NEW = re.compile(r"\s*(?:[-*+•|>\[{]\s|[|>\[{]|#{1,6}\s|\d+[.)]\s|\w+:\s)")
_MARKER = re.compile(r"\s*(?:#+|//+|--+|\*+|;+)\s*")
_LONG = 40


def is_wrapped(line: str, after: str) -> bool:
    """Whether a line goes on in the next one."""
    line, after = line.rstrip(), _MARKER.sub("", after, count=1) if _MARKER.match(line) else after
    begins = after.strip()[:1]
    if not line.strip() or not begins or _END.search(line) or _NEW.match(after):
        return False
    if line.lstrip()[:1].isdigit() and begins.isdigit():  # records, one a line
        return False
    return begins.islower() or len(line) >= _LONG


def span(lines: Mapping[int, str], number: int, most: int) -> tuple[int, int]:
    """The first and the last line of the sentences that a line is of; at most `most` lines either way."""
    first = last = number
    while number - first < most and first - 1 in lines and is_wrapped(lines[first - 1], lines[first]):
        first -= 1
    while last - number < most and last + 1 in lines and is_wrapped(lines[last], lines[last + 1]):
        last += 1
    return first, last


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends."""
    found, begin = list[tuple[int, int]](), 0
    for match in _BREAK.finditer(text):
        if not _ABBREVIATED.search(text[begin : match.start() + 1]):
            found.append((begin, match.end()))
            begin = match.end()
    return [*found, (begin, len(text))]


def joined(lines: Sequence[Line]) -> Iterator[Line]:
    """Lines as sentences: those that are wrapped put together, those that hold several taken apart."""
    together = list[Line]()
    for n, line in enumerate(lines):
        together.append(line)
        after = lines[n + 1] if n + 1 < len(lines) else None
        if after is not None and after.path == line.path and is_wrapped(line.text, after.text):
            continue
        text = " ".join(each.text.strip() for each in together)
        first = together[0]
        for begin, end in split_sentences(text):
            yield Line(first.path, first.number, text[begin:end].strip())
        together.clear()

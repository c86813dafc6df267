"""How well a text has the terms of a question, term by term."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import log

from perdure.models.extractive.question import Question, Term
from perdure.models.extractive.words import likeness, split, stem

Vector = tuple[float, ...]

# A term counts as known to a line from here on.
KNOWN = 0.6
_JOINED, _MIN_JOINED = 0.8, 5
_FLOOR = 0.3


class Matcher:
    """Compares texts with one question."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.terms = question.terms
        self.nothing: Vector = (0.0,) * len(self.terms)
        self._asked = question.words
        self._known: dict[str, Vector] = {}
        self._stems = [stem(term.text.lower()) for term in self.terms]
        self._patterns = [re.compile(rf"(?<!\w){re.escape(term.text)}(?!\w)") for term in self.terms]

    def match(self, text: str) -> Vector:
        """How well a text has each term, from 0 to 1."""
        found = [self._word(word) for word in dict.fromkeys(split(text))]
        by_word = dict(zip(self._asked, merged(found, (0.0,) * len(self._asked)), strict=True))
        joined = text.lower().replace("_", "")
        return tuple(self._term(n, term, by_word, text, joined) for n, term in enumerate(self.terms))

    def best(self, texts: Iterable[str], factor: float) -> Vector:
        """The best of several texts, term by term, times a factor."""
        return scaled(merged([self.match(text) for text in texts], self.nothing), factor)

    def weights(self, matches: Sequence[Vector]) -> Vector:
        """What each term weighs, given all lines: the rarer the heavier."""
        counts = [sum(match[n] >= KNOWN for match in matches) for n in range(len(self.terms))]
        return tuple(
            term.weight * (_FLOOR + log(1.0 + len(matches) / (1.0 + count)))
            for term, count in zip(self.terms, counts, strict=True)
        )

    def precision(self, name: str) -> float:
        """The share of a name's words that the question has."""
        known = [max(self._word(word), default=0.0) for word in split(name)]
        return sum(known) / len(known) if known else 0.0

    def _word(self, word: str) -> Vector:
        """How much a word means each word of the question; the same words come again and again."""
        if word not in self._known:
            self._known[word] = tuple(likeness(asked, word) for asked in self._asked)
        return self._known[word]

    def _term(self, n: int, term: Term, by_word: Mapping[str, float], text: str, joined: str) -> float:
        if term.exact and self._patterns[n].search(text):
            return 1.0
        whole = sum(by_word[word] for word in term.words) / len(term.words)
        if term.exact:
            return whole * KNOWN
        # A multipart form may be parsed by a MultiPartParser.
        is_joined = len(self._stems[n]) >= _MIN_JOINED and self._stems[n] in joined
        return max(whole, _JOINED) if is_joined else whole


def merged(vectors: Sequence[Vector], nothing: Vector) -> Vector:
    """The best of each term."""
    return tuple(max(column) for column in zip(*vectors, strict=True)) if vectors else nothing


def scaled(vector: Vector, factor: float) -> Vector:
    """Every term times a factor."""
    return tuple(each * factor for each in vector)


def share(weights: Vector, matches: Vector) -> float:
    """The part of the question's weight that is matched."""
    covered = sum(weight * match for weight, match in zip(weights, matches, strict=True))
    return covered / (sum(weights) or 1.0)

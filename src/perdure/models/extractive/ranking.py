"""Which line answers best.

A line is worth the share of the question's weight that it covers, a rare word weighing more than a common one. A word
counts fully where the line defines it or has it; less where what is said about the line, or where it stands, has it:
the docstring, the class around it, its neighbours, the path. Definitions come before uses, a value before its
mention when a value is asked for, sources before tests and prose. The numbers are what did best over questions about
several source trees; no single one matters much.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from perdure.models.extractive.matching import Matcher, Vector, merged, scaled, share
from perdure.models.extractive.outline import Row, body_of, doc_of, heading_of, outline
from perdure.models.extractive.question import Question

# How much a word counts by where it stands.
_NAME, _OWN, _DOC, _BODY, _NEAR = 1.0, 0.9, 0.65, 0.4, 0.45
_AROUND, _AROUND_NAMED, _QUALIFIED = 0.55, 0.85, 0.8
_IN_PATH, _IN_HEADING = 0.35, 0.4
_BODY_LINES, _NEIGHBOURS = 25, 2

# How much more or less a line is worth by its kind.
_DEFINED, _WANTED, _CONSTANT, _OTHERWISE, _PRECISE = 1.12, 1.25, 1.15, 0.9, 0.35
_IMPORT, _COMMENT, _PROSE, _MENTION = 0.45, 0.85, 0.85, 0.85
_LESS: tuple[tuple[float, re.Pattern[str]], ...] = (
    (0.75, re.compile(r"(?:^|/)(?:tests?|testing|examples?|benchmarks?)(?:/|$)|(?:^|/)test_|_test\.", re.IGNORECASE)),
    (0.8, re.compile(r"\.(?:md|rst|txt|adoc|html|lock)$", re.IGNORECASE)),
)
_BARE_STRING = re.compile(r"^\s*[\"'][^\"']*[\"'],?\s*$")
_HAS_LITERAL = re.compile(r"[=:]\s*(?:.*\D)?-?\d|[=:]\s*(?:[\"']|True|False|true|false|\d)|timedelta\(")


class Found(msgspec.Struct, frozen=True):
    """A line with its worth, from 0 to about 2."""

    score: float
    path: str
    number: int
    text: str


def rank(question: Question, files: Mapping[str, Mapping[int, str]]) -> list[Found]:
    """Every line of every file that has something of the question, the best first."""
    matcher = Matcher(question)
    outlines = {path: outline(path, files[path]) for path in sorted(files)}
    own = {path: {row.number: matcher.match(row.text) for row in rows.values()} for path, rows in outlines.items()}
    weights = matcher.weights([match for matches in own.values() for match in matches.values()])
    found: list[Found] = []
    for path, rows in outlines.items():
        place = _File(matcher, weights, path, rows, own[path])
        scored = [(place.score(row), row) for row in rows.values()]
        found += [Found(score, path, row.number, row.text) for score, row in scored if score > 0]
    return sorted(found, key=lambda each: (-round(each.score, 9), each.path, each.number))


class _File:
    """One file, for the scores of its lines."""

    def __init__(
        self, matcher: Matcher, weights: Vector, path: str, rows: Mapping[int, Row], own: Mapping[int, Vector]
    ) -> None:
        self._matcher, self._weights, self._rows, self._own = matcher, weights, rows, own
        heading = matcher.best(heading_of(rows), _IN_HEADING)
        self._anywhere = merged([matcher.best([path], _IN_PATH), heading], weights)
        is_about_tests = any(word.startswith("test") for word in matcher.question.words)
        self._factor = 1.0
        for less, pattern in _LESS:
            self._factor *= less if pattern.search(path) and not is_about_tests else 1.0

    def score(self, row: Row) -> float:
        """What a line is worth; nothing where it is empty, or neither has a word of the question nor defines one."""
        own = self._own[row.number]
        if not row.text.strip() or not (any(own) or row.defines):
            return 0.0
        owners = [self._rows[number] for number in row.owners]
        names = [owner.name for owner in owners]
        is_local = self._is_local(row, owners)
        vectors = [self._anywhere, self._around(names), scaled(own, _OWN)]
        factor = self._factor * self._kind_factor(row, is_local=is_local)
        if row.defines and not is_local:
            named = self._matcher.match(row.name)
            vectors += [scaled(named, _NAME), self._all(doc_of(row, self._rows), _DOC)]
            factor *= self._name_factor(row, named, names)
        if row.defines and row.kind in {"function", "class"}:
            vectors.append(self._all(body_of(row, self._rows, _BODY_LINES), _BODY))
        else:
            near = range(row.number - _NEIGHBOURS, row.number + _NEIGHBOURS + 1)
            vectors.append(self._all([self._rows[each] for each in near if each in self._rows], _NEAR))
        return share(self._weights, merged(vectors, self._weights)) * factor

    def _is_local(self, row: Row, owners: Sequence[Row]) -> bool:
        # Where a value is asked for, an attribute set in a method counts, and a parameter's default; a variable never.
        is_lasting = "." in row.name or row.text.rstrip().endswith((",", "):"))
        is_lasting = is_lasting and self._matcher.question.wants == "value"
        return row.kind == "value" and not is_lasting and any(owner.kind == "function" for owner in owners)

    def _around(self, owners: Sequence[str]) -> Vector:
        """What a line has from where it stands; nearly all of it where the question names the place."""
        best = self._matcher.best(owners, 1.0)
        factors = [_AROUND_NAMED if term.exact else _AROUND for term in self._matcher.terms]
        return tuple(match * factor for match, factor in zip(best, factors, strict=True))

    def _all(self, rows: Sequence[Row], factor: float) -> Vector:
        return scaled(merged([self._own[row.number] for row in rows], self._matcher.nothing), factor)

    def _kind_factor(self, row: Row, *, is_local: bool) -> float:
        factor = {"import": _IMPORT, "comment": _COMMENT}.get(row.kind, 1.0)
        if row.defines and row.kind in {"function", "class"}:
            factor *= _DEFINED
        elif row.is_prose:
            factor *= _PROSE
        if _BARE_STRING.match(row.text):
            factor *= _IMPORT
        wants = self._matcher.question.wants
        if not wants:
            return factor * (_MENTION if row.kind == "value" and not _HAS_LITERAL.search(row.text) else 1.0)
        if not row.defines or is_local or row.kind != wants or (wants == "value" and not _HAS_LITERAL.search(row.text)):
            return factor * _OTHERWISE
        return factor * _WANTED * (_CONSTANT if row.name.isupper() else 1.0)

    def _name_factor(self, row: Row, named: Vector, owners: Sequence[str]) -> float:
        """More for a name that says, with what it stands in, what was asked, and nothing else."""
        qualified = merged([named, self._matcher.best(owners, _QUALIFIED)], named)
        return 1.0 + _PRECISE * self._matcher.precision(row.name) * share(self._weights, qualified)

"""What a question asks for: its terms, and what kind of line would answer it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from perdure.core.messages import Message
from perdure.models.extractive.words import STOP, split, stem

_EXACT = 3.0
_PLAIN = 1.0
_FAINT = 0.35
_MAX_CHARS = 4000

_TICKED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|“([^”]+)”|'(\w[^']*)'(?!\w)")
_TOKEN = re.compile(r"[A-Za-z_][\w.]*\w(?:\(\))?|[A-Za-z]|\d+(?:\.\d+)?")
_IDENTIFIER = re.compile(r"\w_\w|^_\w|[a-z][A-Z]|[A-Z]{2,}[a-rt-z]|[A-Z]{2,}s\w|\(\)$|\w\.\w")

# Words about the answer, not in it: what they say is kept as `wants`.
_ABOUT_THE_ANSWER = """
    code file files module modules line lines place defined define declared implemented implementation definition
    handled handle handles happen happens called exactly name named source repository project responsible
"""
_KINDS = {
    "class": "class",
    "classes": "class",
    "type": "class",
    "function": "function",
    "functions": "function",
    "method": "function",
    "methods": "function",
    "decorator": "function",
    "coroutine": "function",
    "constant": "value",
    "variable": "value",
    "value": "value",
    "setting": "value",
}
_HINTS = frozenset(_ABOUT_THE_ANSWER.split())
_VALUE = re.compile(
    r"\b(?:how (?:many|much|long|often|large|big|old)|what is the (?:default|maximum|minimum|max|min|limit|size|length)"
    r"|default|maximum|minimum|largest|longest|limit)\b",
    re.IGNORECASE,
)
_HOW_LONG = re.compile(r"\bhow long\b(?=.*\blasts?\b)(.*?)\blasts?\b|\bhow long\b", re.IGNORECASE)
_HOW_MANY = re.compile(r"\bhow (?:many|much|often|large|big|old)\b", re.IGNORECASE)
_ABOUT_ITSELF = re.compile(
    r"\b(?:who|what) (?:are|r) you\b|\bwhat(?:'s| is) your name\b|\bwhat can you do\b|\bwhich (?:ai |language )?model\b"
    r"|\bare you (?:a|an|human|real|alive|conscious|sentient|chatgpt|gpt|gemini|llama)\b|\bintroduce yourself\b",
    re.IGNORECASE,
)


# A message that has no other words asks for nothing.
_SMALL_TALK_WORDS = """
    afternoon alright amazing appreciate appreciated awesome brilliant bye care cheers clear congratulations cool day
    done excellent evening fantastic farewell fine good goodbye goodnight great greetings haha happy help helped helpful
    hello hey hi hope impressive interesting job later lol love lovely luck morning much nice night ok okay perfect
    pleasure pretty quick right see sorry sounds super sure thank thanks thx today tomorrow ty understood useful weekend
    welcome well wonderful work worked wow yeah yep you
"""
_SMALL_TALK = frozenset(_SMALL_TALK_WORDS.split())
_THANKS = re.compile(
    r"^\W*(?:ok(?:ay)?\W+|great\W+|perfect\W+|cool\W+|hi\W+|hello\W+|hey\W+)*"
    r"(?:many\s+thanks|thanks|thank\s+you|thx|ty|cheers)\b(?:\s+(?:you|so|very|much|a\s+lot|again|lots))*"
    r"(?:\s+for\s+[^.,!?;\n]*)?\W*",
    re.IGNORECASE,
)


class Term(msgspec.Struct, frozen=True):
    """A word that the answer should have; an `exact` one is an identifier, looked for as it is written."""

    text: str
    words: tuple[str, ...]
    weight: float
    exact: bool = False


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Shape: `terms` the heaviest first, else in order; `before` is the last question; `wants` a kind of line."""

    text: str
    terms: tuple[Term, ...]
    before: str = ""
    wants: str = ""
    is_about_itself: bool = False
    is_small_talk: bool = False
    is_thanks: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Every word of the terms, once."""
        return tuple(dict.fromkeys(word for term in self.terms for word in term.words))


def question_of(messages: Sequence[Message]) -> Question:
    """The user's last message, read."""
    texts = [message.text for message in reversed(messages) if message.role == "user"]
    return msgspec.structs.replace(read(texts[0] if texts else ""), before=texts[1] if len(texts) > 1 else "")


def read(text: str) -> Question:
    """A question's terms: identifiers first; stop words dropped, words about the answer made faint."""
    found: dict[str, Term] = {}
    thanks = _THANKS.match(text[:_MAX_CHARS])
    text = text[thanks.end() if thanks else 0 : _MAX_CHARS]
    wants_value = bool(_VALUE.search(text))
    asked, text = text, _HOW_LONG.sub(r" duration \1 ", _HOW_MANY.sub(" ", text))
    for match in _TICKED.finditer(text):
        quoted = next(group for group in match.groups() if group)
        _add(found, quoted.removesuffix("()"), _EXACT, exact=True)
    plain = _TICKED.sub(" ", text)
    for token in _TOKEN.findall(plain):
        if _IDENTIFIER.search(token):
            _add(found, token.removesuffix("()"), _EXACT, exact=True)
    wants = ""
    for token in _TOKEN.findall(plain):
        word = token.lower()
        wants = wants or _KINDS.get(word, "")
        if word not in STOP and not _IDENTIFIER.search(token) and len(word) > 1:
            _add(found, token, _FAINT if word in _KINDS or word in _HINTS else _PLAIN)
    ranked = sorted(found.values(), key=lambda term: -term.weight)
    if not wants and wants_value:
        wants = "value"
    is_small_talk = all(word in _SMALL_TALK for term in ranked for word in term.words) and bool(thanks or ranked)
    return Question(
        text=asked,
        terms=tuple(ranked),
        wants=wants,
        is_about_itself=bool(_ABOUT_ITSELF.search(asked)),
        is_small_talk=is_small_talk,
        is_thanks=thanks is not None,
    )


def _add(found: dict[str, Term], text: str, weight: float, *, exact: bool = False) -> None:
    words = split(text)
    if words:
        found.setdefault(" ".join(stem(word) for word in words), Term(text, words, weight, exact))

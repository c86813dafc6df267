"""What an exception of a model SDK tells, read without importing the SDK: status, codes, headers, names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from math import isfinite

import msgspec

from perdure.models.retry_after import retry_after
from perdure.models.shapes import is_list, is_record

_MAX_WALKED = 16
_STATUS = range(300, 600)
_PAGE = re.compile(r"\s*(?:<!doctype html|<html|<head|<\?xml[^>]*>\s*<!doctype html)", re.IGNORECASE)
_NOTHING: Mapping[str, object] = {}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A failed call.

    Shape: `codes` are the provider's own words, lower case, the most specific first; `names` the classes of the
    exception, of what it was raised from, and their bases; `prose` what it says to a person; `is_page` that it answered
    with a web page.
    """

    status: int | None = None
    codes: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    flagged: bool = False
    is_page: bool = False
    retry_after: float | None = None
    prose: str = ""
    detail: str = ""


def facts_of(error: BaseException, now: datetime) -> Facts:
    """Read an exception and its causes; what stands nearer to the root wins."""
    chain = list(_walk(error))
    bodies = [body for each in chain if (body := _body(each)) is not None]
    inner = _error_object(bodies[0]) if bodies else _NOTHING
    return Facts(
        status=next((status for each in chain if (status := _status(each)) is not None), _status_of_body(inner)),
        codes=tuple(dict.fromkeys([code for each in chain for code in _own_codes(each)] + list(_body_codes(inner)))),
        names=frozenset(kind.__name__ for each in chain for kind in type(each).__mro__),
        flagged=_is_flagged(inner),
        is_page=any(isinstance(body, str) and _PAGE.match(body) is not None for body in bodies),
        retry_after=next((pause for each in chain if (pause := _pause(each, now)) is not None), None),
        prose=_prose(inner, bodies, error),
        detail=_detail(bodies, error),
    )


def _walk(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and the members of groups, breadth first, each once."""
    queue, seen = [error], {id(error)}
    for current in queue:
        yield current
        members: object = getattr(current, "exceptions", ())
        group = [each for each in members if isinstance(each, BaseException)] if is_list(members) else []
        for below in (current.__cause__ or (None if current.__suppress_context__ else current.__context__), *group):
            if below is not None and id(below) not in seen and len(queue) < _MAX_WALKED:
                seen.add(id(below))
                queue.append(below)


def _status(error: BaseException) -> int | None:
    for name in ("status_code", "status", "code"):
        value: object = getattr(error, name, None)
        if isinstance(value, int) and value in _STATUS:
            return value
    return None


def _status_of_body(inner: Mapping[str, object]) -> int | None:
    """The status that a body names which came with a 200, or inside a stream."""
    for name in ("status_code", "status", "code", "error_code"):
        value = inner.get(name)
        number = int(value) if isinstance(value, str) and re.fullmatch(r"[345]\d\d", value) else value
        if isinstance(number, int) and number in _STATUS:
            return number
    return None


def _own_codes(error: BaseException) -> Iterator[str]:
    for name in ("provider_error_code", "code", "provider_error_type", "type"):
        yield from _word(getattr(error, name, None))


def _body_codes(inner: Mapping[str, object]) -> Iterator[str]:
    for name in ("code", "type", "status"):
        yield from _word(inner.get(name))


def _word(value: object) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value.lower()


def _body(error: BaseException) -> object:
    for name in ("body", "response_body", "data"):
        body: object = getattr(error, name, None)
        if isinstance(body, str | bytes) and body:
            try:
                return msgspec.json.decode(body)
            except msgspec.DecodeError:
                return body if isinstance(body, str) else body.decode(errors="replace")
        if body:
            return body
    return None


_SAYS = ("message", "detail", "msg", "error_message", "error_msg", "errors", "reason", "title")


_NO_ERROR = (0, "0", "ok", "success")
"""Codes of servers that give one with every answer."""


def is_error(body: Mapping[str, object]) -> bool:
    """Whether what came in the place of an answer is an error, by its shape: it says something, and has no choices.

    Servers differ in where an error stands: under `error`, as an object of the kind `error`, or bare, with its
    message, its code or its detail.
    """
    if body.get("error"):
        return True
    if body.get("code") in _NO_ERROR or body.get("choices") or body.get("output"):
        return False
    if "error" in {body.get("object"), body.get("type"), body.get("status")}:
        return True
    return any(body.get(name) for name in _SAYS) or _status_of_body(body) is not None


def _error_object(body: object) -> Mapping[str, object]:
    """The object that describes the error, which most providers nest as `error`."""
    if not is_record(body):
        return _NOTHING
    inner = body.get("error")
    return inner if is_record(inner) else body


def _is_flagged(inner: Mapping[str, object]) -> bool:
    # OpenRouter answers 403 to flagged input too; only the moderation result tells it from a wrong key.
    metadata = inner.get("metadata")
    return is_record(metadata) and ("flagged_input" in metadata or "reasons" in metadata)


def _pause(error: BaseException, now: datetime) -> float | None:
    response: object = getattr(error, "response", None)
    for headers in (getattr(error, "headers", None), getattr(response, "headers", None)):
        if is_record(headers):
            wait = retry_after({name: str(value) for name, value in headers.items()}, now)
            if wait is not None:
                return wait
    said: object = getattr(error, "retry_after", None)
    return float(said) if isinstance(said, int | float) and said > 0 and isfinite(said) else None


def _prose(inner: Mapping[str, object], bodies: list[object], error: BaseException) -> str:
    """What is said to a person: by the error's object, or by a body that is a sentence."""
    for said in (*(inner.get(name) for name in ("message", "error", *_SAYS)), *bodies[:1]):
        if isinstance(said, str) and said:
            return said
        if is_list(said) and said:
            return msgspec.json.encode(said, enc_hook=str).decode()
    return str(error)


def _detail(bodies: list[object], error: BaseException) -> str:
    if not bodies:
        return str(error)
    return bodies[0] if isinstance(bodies[0], str) else msgspec.json.encode(bodies[0], enc_hook=str).decode()


def status_in(prose: str) -> int | None:
    """The HTTP status that a sentence names: at its start, or after `status`, `HTTP` or `error`."""
    found = re.search(r"(?:^|\b(?:status(?: code)?|http(?:/[\d.]+)?|error)[:= ]+)([45]\d\d)\b", prose, re.IGNORECASE)
    return int(found[1]) if found else None

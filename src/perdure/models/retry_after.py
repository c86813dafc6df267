"""How long a response asks to wait.

Source: Retry-After, RFC 9110 section 10.2.3, with the `retry-after-ms` that OpenAI sends. Some servers send a duration
(`1m30s`), an ISO 8601 date, or the Unix time at which to come back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

_UNIX_TIMES = 1e9  # nobody asks to wait thirty years
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PIECE.pattern})+")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the response asks to wait, however many, or None where it does not say or makes no sense.

    Shape: header names in any case; `retry-after-ms`, then `retry-after` as seconds, a duration or a date; negative,
    malformed and past count as not said.
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(lower.get("retry-after-ms"))
    if milliseconds is not None and milliseconds >= 0:
        return milliseconds * 0.001
    said = lower.get("retry-after")
    wait = _number(said)
    if wait is not None and wait >= _UNIX_TIMES:
        wait -= now.timestamp()
    elif wait is None:
        wait = _duration(said) if said and _DURATION.fullmatch(said) else _until(said, now)
    return wait if wait is not None and wait >= 0 else None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) else None


def _duration(text: str) -> float:
    return sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(text))


def _until(value: str | None, now: datetime) -> float | None:
    at = _date(value) if value else None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds() if at else None


def _date(value: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(value)
        except ValueError:
            continue
    return None

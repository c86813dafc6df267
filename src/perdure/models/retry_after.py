"""How long a response asks to wait.

Source: Retry-After, RFC 9110 section 10.2.3, with the `retry-after-ms` that OpenAI sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

_MAX_RETRY_AFTER = 3600.0


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the response asks to wait, or None where it does not say or makes no sense.

    Shape: header names in any case; `retry-after-ms`, then `retry-after` as seconds, then as a date; negative,
    malformed and over an hour count as not said.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    for value, unit in ((lower.get("retry-after-ms"), 0.001), (lower.get("retry-after"), 1.0)):
        wait = _number(value)
        if wait is not None and 0 <= wait * unit <= _MAX_RETRY_AFTER:
            return wait * unit
    wait = _until(lower.get("retry-after"), now)
    return wait if wait is not None and 0 <= wait <= _MAX_RETRY_AFTER else None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) else None


def _until(value: str | None, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds() if at else None

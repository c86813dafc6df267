"""Durations and instants as a person reads them."""

from __future__ import annotations

from datetime import datetime

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def took(seconds: float) -> str:
    """A duration in the unit that suits it, such as `3.2 ms`, `12.0 s`, `4 min 10 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
    return f"{seconds // _DAY:.0f} d {seconds % _DAY // _HOUR:.0f} h"


def ago(then: datetime, now: datetime) -> str:
    """How long ago an instant was, or how far it is away."""
    seconds = (now - then).total_seconds()
    return f"{took(seconds)} ago" if seconds >= 0 else f"in {took(-seconds)}"


def at(then: datetime) -> str:
    """An instant, in local time."""
    return f"{then.astimezone():%Y-%m-%d %H:%M:%S}"

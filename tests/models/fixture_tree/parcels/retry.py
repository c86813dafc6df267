"""When to try again, and how long to wait before."""

from __future__ import annotations

MAX_ATTEMPTS = 12
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: doubling, up to the longest pause."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))


def should_retry(status: int) -> bool:
    """Whether a webhook that answered with this HTTP status is worth another try."""
    return status == 429 or status >= 500


class DeadLetter(Exception):
    """A webhook failed too often; it is kept and not tried again."""


def next_pause(attempt: int, status: int) -> float:
    """The pause before the next delivery, or DeadLetter."""
    if attempt >= MAX_ATTEMPTS or not should_retry(status):
        raise DeadLetter(f"gave up after {attempt} attempts")
    return backoff(attempt)

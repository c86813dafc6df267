"""Keys: under what something comes into a run's inbox, and what a suspended run waits for.

What a user names is an event's key; what perdure makes has prefixes of its own, so that nobody can emit a child's
end or an answer. `timer:` and `retry:` come from nobody: they say what a run waits for.
"""

from __future__ import annotations

from typing import Literal

EventKind = Literal["event", "channel", "child", "question"]
"""What comes into an inbox."""
KeyKind = Literal["event", "channel", "child", "question", "timer", "retry"]
"""What a run waits for."""


def _key(kind: KeyKind, rest: str) -> str:
    return f"{kind}:{rest}"


def event(name: str) -> str:
    """The key of a user's event."""
    return _key("event", name)


def channel(name: str) -> str:
    """The key of a channel, under which each emit stays."""
    return _key("channel", name)


def child(position: str, life: int = 0) -> str:
    """The key of the end of the child that was started at a position; each restart of the child has one of its own."""
    return _key("child", position if life == 0 else f"{position}#{life + 1}")


def question(question_id: str) -> str:
    """The key of the answer to a question."""
    return _key("question", question_id)


def timer(position: str) -> str:
    """What a sleep waits for."""
    return _key("timer", position)


def retry(position: str) -> str:
    """What a step waits for before its next attempt."""
    return _key("retry", position)


def name_of(key: str) -> str:
    """A key without its prefix."""
    return key.partition(":")[2]


def is_retry(key: str) -> bool:
    """Whether a run that waits for the key only waits for its own next attempt."""
    return key.startswith("retry:")


def is_channel(key: str) -> bool:
    """Whether each emit under the key stays."""
    return key.startswith("channel:")

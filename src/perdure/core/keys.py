"""Keys: under what something comes into a run's inbox, and what a suspended run waits for.

What a user names is an event's key; what perdure makes has prefixes of its own, so that nobody can emit a child's
end or an answer. `timer:` and `retry:` come from nobody: they say what a run waits for.
"""

from __future__ import annotations


def event(name: str) -> str:
    """The key of a user's event."""
    return f"event:{name}"


def channel(name: str) -> str:
    """The key of a channel, under which each emit stays."""
    return f"channel:{name}"


def child(position: str, life: int = 0) -> str:
    """The key of the end of the child that was started at a position; each restart of the child has one of its own."""
    return f"child:{position}" if life == 0 else f"child:{position}#{life + 1}"


def question(question_id: str) -> str:
    """The key of the answer to a question."""
    return f"question:{question_id}"


def timer(position: str) -> str:
    """What a sleep waits for."""
    return f"timer:{position}"


def retry(position: str) -> str:
    """What a step waits for before its next attempt."""
    return f"retry:{position}"


def name_of(key: str) -> str:
    """A key without its prefix."""
    return key.partition(":")[2]


def is_retry(key: str) -> bool:
    """Whether a run that waits for the key only waits for its own next attempt."""
    return key.startswith("retry:")


def is_channel(key: str) -> bool:
    """Whether each emit under the key stays."""
    return key.startswith("channel:")

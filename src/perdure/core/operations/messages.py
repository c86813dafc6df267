"""Messages: rows for messages, rows for their parts, so that a long turn is not written again at each step."""

from __future__ import annotations

from datetime import datetime

import msgspec

from perdure.core.messages import Message, MessageStatus, Part
from perdure.core.usage import Usage


class AddMessage(msgspec.Struct, frozen=True):
    """Add a message with its parts to a thread.

    Shape: one of a run (its `run_id`), in the run's thread, is its holder's; one without a run anybody's.
    Key: (tenant, thread, message id): the same message, with turn and run, is there already.
    Raises: MessageExists where its id, its client's id or its place is taken by another; ThreadNotFound; LeaseLost
    where it is another run's.
    """

    message: Message


class PutParts(msgspec.Struct, frozen=True, kw_only=True):
    """Write parts of a message of this run from place `first` on; a part that is there is replaced. A holder's.

    Shape: `first` is at most the number of the parts that are there: a part's place is its identity.
    Key: (message, place) with `version`, which rises over all of a run's holders: older ones stay away. Make it by
    `core.messages.write_version`, so that what ends the turn without its holder comes after it and before the next.
    Raises: MessageNotFound where this run has no such message; InputError for a place over the limit.
    """

    message_id: str
    first: int
    parts: tuple[Part, ...]
    version: int


class SetMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Change what is given of a message of this run; None leaves it. A holder's.

    Key: `version`, as for PutParts; a status only moves forward, from `streaming` to an end.
    Raises: MessageNotFound where this run has no such message.
    """

    message_id: str
    version: int
    at: datetime
    status: MessageStatus | None = None
    finish_reason: str | None = None
    model: str | None = None


class PutUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Note what an attempt of a step took. A holder's.

    Shape: a row each; sums are made by who reads. `usage` is None where the provider did not say.
    Key: (run, position, attempt): inserted once.
    """

    position: str
    attempt: int
    usage: Usage | None
    model: str = ""

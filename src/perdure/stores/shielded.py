"""A future of a commit: to cancel whoever awaits it takes nothing back.

A task that is cancelled while it awaits this one stays until the commit has landed or been refused, and gets its
CancelledError then; the outcome stands on the future.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


class Shielded(asyncio.Future[T]):
    """A future that can't be cancelled."""

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - the signature is asyncio's
        return False

"""A worker that starts while its store is away: it waits, and tells why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from perdure.errors import StoreUnavailable, WorkerExpired
from perdure.runs.worker_lease import REGISTER_AGAIN_AFTER

if TYPE_CHECKING:
    from perdure.runs.lease_holder import LeaseHolder

_log = logging.getLogger("perdure.worker")


async def open_with_retries(holder: LeaseHolder, gives_up: Callable[[], bool]) -> bool:
    """Open a holder, however long its store is away; false where it was given up.

    Raises: any StoreError, but StoreUnavailable only where it is not transient.
    """
    while not gives_up():
        try:
            await holder.open()
        except StoreUnavailable as error:
            if not error.transient:
                raise
            _log.warning("worker %s can't start yet: %s; trying again", holder.worker_id, error)
        except WorkerExpired:  # it was registered, nobody heard of it, and the lease has ended since
            holder.renew_identity()
            continue
        else:
            return True
        await holder.pause(REGISTER_AGAIN_AFTER)
    return False

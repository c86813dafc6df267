"""The workers of this process that live: one id is one worker, or two would execute one run at once.

A store can tell that a worker is of this process, and not whether it lives: so whoever registers asks here first. One
that has stopped gives its id back; one that nobody renews any more counts until its lease ends, as in every process.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakValueDictionary

from perdure.errors import SettingInvalid
from perdure.stores.port import Store


class NamedWorker(Protocol):
    """A worker that may live."""

    store: Store
    worker_id: str

    @property
    def lives(self) -> bool:
        """Whether it may execute runs under its id."""
        ...


Key = tuple[object, str]
_lock = threading.Lock()
_in_use: WeakValueDictionary[Key, NamedWorker] = WeakValueDictionary()


def take(worker: NamedWorker) -> None:
    """Take the worker's id in its store. Raises: SettingInvalid where another one of this process that lives has it."""
    key, worker_id = _key(worker), worker.worker_id
    with _lock:
        known = _in_use.get(key)
        if known is not None and known is not worker and known.worker_id == worker_id and known.lives:
            reason = f"a worker of this process is {worker_id!r} already; give each an id of its own, or none"
            raise SettingInvalid("worker_id", reason)
        _in_use[key] = worker


def give_back(worker: NamedWorker) -> None:
    """Give the worker's id back. Safe twice, and where another one has it."""
    key = _key(worker)
    with _lock:
        if _in_use.get(key) is worker:
            del _in_use[key]


def _key(worker: NamedWorker) -> Key:
    """A store that outlives its process is one however often it is opened; any other one is its own."""
    store = worker.store
    return (store.url if store.abilities.survives_kill else id(store)), worker.worker_id


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
os.register_at_fork(after_in_child=_in_use.clear)

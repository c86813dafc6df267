"""Threads that can't be started, as on a machine that has no more of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from random import Random


@contextmanager
def thread_starts_fail(fails: Callable[[str], bool]) -> Generator[None]:
    """No thread of a name of which `fails` says so can be started meanwhile; asked anew at each start."""
    start = threading.Thread.start

    def start_or_fail(self: threading.Thread) -> None:
        if fails(self.name):
            raise RuntimeError("can't start new thread")
        start(self)

    threading.Thread.start = start_or_fail
    try:
        yield
    finally:
        threading.Thread.start = start


def random_thread_starts(random: Random, share: float) -> Callable[[str], bool]:
    """A share of the starts of threads of perdure fails."""
    return lambda name: name.startswith("perdure-") and random.random() < share

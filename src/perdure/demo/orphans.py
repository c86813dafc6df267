"""A process of a demo ends with its conductor, however that ends: its stdin is a pipe from it."""

from __future__ import annotations

import os
import sys
import threading


def end_with_parent() -> None:
    """From now on, end when the other end of stdin is closed."""
    threading.Thread(target=_wait, name="perdure-demo-parent", daemon=True).start()


def _wait() -> None:
    while os.read(sys.stdin.fileno(), 1):
        continue
    os._exit(1)

"""What it takes to start a server that a peer needs."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

STARTS_WITHIN = 20.0


def free_port() -> int:
    """A port on loopback that nobody listens on right now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(server: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> None:
    """Wait until a server is ready; OSError means not yet. Raises: RuntimeError where it ended, or took too long."""
    ends = time.monotonic() + STARTS_WITHIN
    while server.poll() is None and time.monotonic() < ends:
        with suppress(OSError):
            if is_ready():
                return
        time.sleep(0.02)
    raise RuntimeError(f"{server.args!r} was not ready within {STARTS_WITHIN} seconds")


def listens(port: int) -> bool:
    """True where a connection on loopback is taken. Raises: OSError where it is refused."""
    socket.create_connection(("127.0.0.1", port)).close()
    return True

"""A PostgreSQL of one's own: the programs that are installed, a new folder, a free port on loopback, its defaults."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.servers import free_port, wait_for

DEBIAN = Path("/usr/lib/postgresql")


@contextmanager
def postgres(folder: Path) -> Generator[str]:
    """Start one, and stop it in the end. Shape: its URL. It does not run as root: nobody has to be able to go there."""
    programs, data, port = _programs(), folder / "postgres", free_port()
    data.mkdir()
    user = "nobody" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(data, user)
    initdb = [programs / "initdb", "--pgdata", data, "--username", "postgres", "--auth", "trust"]
    subprocess.run(initdb, check=True, user=user, cwd=data, stdout=subprocess.DEVNULL)
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", ""],
        user=user,
        cwd=data,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(server, lambda: "ready" in (data / "postmaster.pid").read_text().split())
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _programs() -> Path:
    """The folder of initdb and postgres: on PATH, or where Debian keeps them. Raises: RuntimeError."""
    found = [Path(path).resolve().parent for name in ("initdb", "postgres") if (path := shutil.which(name))]
    found += sorted(DEBIAN.glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError("PostgreSQL is not installed")

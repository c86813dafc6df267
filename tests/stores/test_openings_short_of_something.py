"""A store that is opened while the system is short of disk or handles: an error that passes, and nothing is spoiled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perdure.stores import open_store

# In a process that may write no more than so many bytes to a file, or open no file more.
LIMITED = """
import asyncio, os, resource, signal, sys
import perdure.stores.sqlite
from perdure.errors import StoreUnavailable
from perdure.stores import open_store

async def main():
    limit, number = getattr(resource, sys.argv[2]), int(sys.argv[3])
    if number < 0:
        number = os.open(os.devnull, os.O_RDONLY)  # the next one would have this number
        os.close(number)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(limit)
    resource.setrlimit(limit, (number, before[1]))
    try:
        await open_store(sys.argv[1])
    except StoreUnavailable as error:
        print(error)
    else:
        sys.exit("it was opened")
    resource.setrlimit(limit, before)
    await (await open_store(sys.argv[1])).close()

asyncio.run(main())
"""


def open_limited(url: str, limit: str, number: int) -> str:
    """Try to open it with the limit, and open it without; what the error says."""
    command = [sys.executable, "-c", LIMITED, url, limit, str(number)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("limit", [0, 4096, 65536], ids=["nothing", "a page", "a part of the tables"])
def test_a_new_store_for_which_there_is_no_room(tmp_path: Path, limit: int) -> None:
    assert "rollback" not in open_limited(f"sqlite:///{tmp_path}/runs.db", "RLIMIT_FSIZE", limit)


async def test_a_store_for_which_no_handle_is_left(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    assert open_limited(url, "RLIMIT_NOFILE", -1)
    await (await open_store(url)).close()
    assert open_limited(url, "RLIMIT_NOFILE", -1)

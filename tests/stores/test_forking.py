"""A fork: what a store holds belongs to the parent, and what it held before it was closed to somebody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AFTER_CLOSING = """
import asyncio, os, sys
from perdure.stores import open_store

async def use() -> None:
    await (await open_store(sys.argv[1])).close()

asyncio.run(use())
taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(32)]  # among them the numbers that the store had
child = os.fork()
if child == 0:
    try:
        [os.fstat(number) for number in taken]
    except OSError:
        os._exit(1)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_store_that_was_closed_closes_no_descriptor_of_another_in_a_forked_child(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", AFTER_CLOSING, f"sqlite:///{tmp_path}/perdure.db"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


MAKES_IDS = """
import os
from perdure.core.ids import new_id

for _ in range(2):
    if os.fork() == 0:
        print(new_id("x"), flush=True)
        os._exit(0)
    os.wait()
print(new_id("x"))
"""


def test_processes_that_are_forked_from_one_make_ids_of_their_own() -> None:
    ended = subprocess.run([sys.executable, "-c", MAKES_IDS], capture_output=True, text=True, check=True)
    assert len({made[: len("x_") + 12] for made in ended.stdout.split()}) == 3, ended.stdout

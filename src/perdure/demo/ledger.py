"""The ledger: every real execution of a tool or a model call, written outside the store."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from perdure.core.clock import SystemClock
from perdure.demo.journal import Journal
from perdure.runs.context import current_step


class Execution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line: something began or ended, in which process, in which step, under which token."""

    what: Literal["start", "end"]
    name: str
    run_id: str
    position: str
    token: int
    attempt: int
    key: str
    pid: int
    at: datetime


def counted_names(names: Mapping[str, int]) -> str:
    """Names with how often each, such as `list_files, 3 × search_text`."""
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in sorted(names.items()))


def ledger_at(path: Path) -> Journal[Execution]:
    """The ledger in a file."""
    return Journal(path, Execution)


@contextmanager
def executing(ledger: Journal[Execution], name: str, *, takes: float = 0.0) -> Generator[None]:
    """Write down that the running step's function began and that it ended, by whatever but a kill.

    Units: it `takes` so many seconds, half of them before its effect: time to be killed in.
    """
    step, clock = current_step(), SystemClock()
    if step is None:
        raise RuntimeError(f"{name} is executed outside of a step")

    def write(what: Literal["start", "end"]) -> None:
        ledger.append(
            Execution(
                what=what,
                name=name,
                run_id=step.run_id,
                position=step.position,
                token=step.token,
                attempt=step.attempt,
                key=step.idempotency_key,
                pid=os.getpid(),
                at=clock.now(),
            )
        )

    def take_time() -> None:
        if takes:
            clock.wait(threading.Event(), takes / 2)

    write("start")
    take_time()
    try:
        yield
    finally:
        take_time()
        write("end")

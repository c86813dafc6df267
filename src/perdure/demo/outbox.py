"""The outbox: where reports go, and what a service does that honours idempotency keys."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from perdure.core.clock import SystemClock
from perdure.demo.journal import Journal


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report that was sent."""

    key: str
    text: str
    pid: int
    at: datetime


class Outbox:
    """A file with one line per report; a key that it has seen is refused."""

    def __init__(self, path: Path) -> None:
        self._reports = Journal(path, Report)

    def send(self, key: str, text: str) -> bool:
        """Send a report; false where one with this key was sent before, and nothing is sent now."""
        with self._reports.alone() as reports:
            if any(report.key == key for report in reports.read()):
                return False
            reports.append(Report(key=key, text=text, pid=os.getpid(), at=SystemClock().now()))
        return True

    def read(self) -> list[Report]:
        """What was sent."""
        return self._reports.read()

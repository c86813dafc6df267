"""The one clock, with its three kinds of time; nothing else reads a clock.

Instants (timers, deadlines, every `…_at`) follow the wall clock. Lease time follows the boot-time clock, so that a
jump of the wall clock moves no lease and a reboot ends them all. Elapsed time is monotonic and measures durations.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from perdure.errors import SettingInvalid


class Timer(Protocol):
    """A call that is due; `cancel()` takes it back."""

    def cancel(self) -> None:
        """Take the call back; safe after it ran."""
        ...


class Clock(Protocol):
    """Where time comes from; passed in, so that a test can drive all three kinds."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        ...

    def timestamp(self) -> float:
        """The instant in seconds since the epoch: what is written with each step."""
        ...

    def lease_now(self) -> float:
        """Lease time in seconds, comparable between processes of one boot of one machine."""
        ...

    def elapsed(self) -> float:
        """Monotonic seconds, comparable within this process only."""
        ...

    def call_after(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call back on the running loop after so many elapsed seconds."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Block this thread until the event is set, or for so many seconds; true when it is set."""
        ...


# macOS has no CLOCK_BOOTTIME; its CLOCK_MONOTONIC_RAW is the nearest that all processes of a boot share.
_BOOT_TIME: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's clocks."""

    # Asked several times a step: calls into C, without a Python frame of our own.
    now = staticmethod(partial(datetime.now, UTC))
    timestamp = staticmethod(time.time)
    lease_now = staticmethod(partial(time.clock_gettime, _BOOT_TIME))
    elapsed = staticmethod(time.monotonic)

    def call_after(self, seconds: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(max(0.0, seconds), callback)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


async def pause(clock: Clock, seconds: float) -> None:
    """Wait for so many elapsed seconds."""
    over = asyncio.Event()
    timer = clock.call_after(seconds, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()


async def next_turn() -> None:
    """Let everything else that is ready on the loop run first."""
    await asyncio.sleep(0)


def instant(at: float | None) -> datetime | None:
    """The instant of so many seconds since the epoch, as stores keep it."""
    return None if at is None else datetime.fromtimestamp(at, UTC)


def epoch(at: datetime | None) -> float | None:
    """Seconds since the epoch, as stores keep an instant."""
    return None if at is None else at.timestamp()


def seconds(duration: object, field: str = "duration") -> float:
    """A duration from the public door in seconds. Raises: SettingInvalid for what is neither."""
    if isinstance(duration, bool) or not isinstance(duration, int | float | timedelta):
        raise SettingInvalid(field, f"a timedelta or a number of seconds, not {duration!r}")
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)

"""How long a model may take: to connect, to say its first word, between two words, and in all.

The response's headers are no word: they disarm nothing. Only the first deadline is the HTTP client's; the others are
ours, so that they hold for every provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from math import isfinite

import msgspec

from perdure.core.clock import Clock
from perdure.errors import ModelTimedOut, SettingInvalid


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Units: seconds; None waits for ever. A model that thinks in silence needs a long `first_event_timeout`."""

    connect_timeout: float | None = 10.0
    first_event_timeout: float | None = 300.0
    idle_timeout: float | None = 120.0
    timeout: float | None = 1800.0


def deadlines_of(settings: Mapping[str, object]) -> Deadlines:
    """The deadlines among a request's settings. Raises: SettingInvalid."""
    given: dict[str, float | None] = {}
    for field in Deadlines.__struct_fields__:
        if field in settings:
            value = settings[field]
            number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value > 0
            if value is not None and not number:
                raise SettingInvalid(field, f"seconds above 0, or None for no limit, not {value!r}")
            given[field] = float(value) if isinstance(value, int | float) else None
    return Deadlines(**given)


class Watch:
    """Holds one call to its deadlines; what the reader does between two words counts only for the whole."""

    def __init__(self, clock: Clock, deadlines: Deadlines, model: str) -> None:
        self._clock, self._deadlines, self._model = clock, deadlines, model
        self._began_at = clock.elapsed()
        self.has_begun = False

    @contextmanager
    def waiting(self) -> Generator[None]:
        """Cancel what waits inside at the nearest deadline. Raises: ModelTimedOut."""
        name, seconds = self._nearest()
        task = asyncio.current_task()
        if seconds is None or task is None:
            yield
            return
        fired = False

        def fire() -> None:
            nonlocal fired
            fired = True
            task.cancel()

        cancelled_before = task.cancelling()
        timer = self._clock.call_after(seconds, fire)
        try:
            yield
        except BaseException as error:
            # Someone else's cancellation comes first: then the task stays cancelled.
            if fired and task.uncancel() <= cancelled_before:
                raise self._timed_out(name) from error
            raise
        finally:
            timer.cancel()
        if fired:
            task.uncancel()
            raise self._timed_out(name)

    def _nearest(self) -> tuple[str, float | None]:
        spent = self._clock.elapsed() - self._began_at
        limits = self._deadlines
        name, wait = "idle_timeout", limits.idle_timeout
        if not self.has_begun:
            name, first = "first_event_timeout", limits.first_event_timeout
            wait = None if first is None else first - spent
        if limits.timeout is not None and (wait is None or limits.timeout - spent < wait):
            name, wait = "timeout", limits.timeout - spent
        return name, wait

    def _timed_out(self, name: str) -> ModelTimedOut:
        what = {"idle_timeout": "said nothing more for", "first_event_timeout": "said nothing for"}.get(
            name, "took over"
        )
        return ModelTimedOut(f"{self._model} {what} {getattr(self._deadlines, name):g} s ({name})")

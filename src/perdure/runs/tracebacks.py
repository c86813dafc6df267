"""The traceback of what user code raised: its own frames, and none of perdure between them.

Loaded with the first failure: what it needs of the standard library takes its time.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from perdure.core.guarding import is_of
from perdure.errors import PerdureError
from perdure.runs.failing import in_one_line
from perdure.runs.interrupts import shielded

_HERE = f"{Path(__file__).parents[1]}/"
_USERS = (f"{_HERE}demo/", f"{_HERE}testing/")
"""Parts of the package that are user code to the rest."""
_CAUSED = "The above exception was the direct cause of the following exception:"


def traceback_of(error: BaseException) -> str:
    """An exception with what led to it, as Python shows it; where it can't be asked for that, its frames alone."""
    return shielded(lambda: _whole(error), lambda _: _frames_alone(error)).rstrip("\n")


def _whole(error: BaseException) -> str:
    shown = traceback.TracebackException.from_exception(error)
    for one, raised in _chained(shown, error, set()):
        one.stack = _of_user(one.stack, raised)
    return "".join(shown.format())


def _frames_alone(error: BaseException) -> str:
    above = "" if error.__cause__ is None else f"{_frames_alone(error.__cause__)}\n\n{_CAUSED}\n\n"
    frames = _of_user(traceback.extract_tb(error.__traceback__), error).format()
    return "".join([above, "Traceback (most recent call last):\n", *frames, in_one_line(error)])


def _of_user(frames: traceback.StackSummary, error: BaseException) -> traceback.StackSummary:
    """The frames of user code; all of them where there is none, or where a fault of perdure's own may be."""
    own = [frame for frame in frames if not frame.filename.startswith(_HERE) or frame.filename.startswith(_USERS)]
    is_raised_here = bool(frames) and frames[-1].filename.startswith(_HERE) and not is_of(error, PerdureError)
    return frames if is_raised_here or not own else traceback.StackSummary.from_list(own)


def _chained(
    shown: traceback.TracebackException, error: BaseException, seen: set[int]
) -> Iterator[tuple[traceback.TracebackException, BaseException]]:
    """An exception, those that led to it, and those of a group, as they are shown."""
    seen.add(id(shown))
    yield shown, error
    pairs = [(shown.__cause__, error.__cause__), (shown.__context__, error.__context__)]
    pairs += zip(shown.exceptions or (), getattr(error, "exceptions", ()), strict=False)
    for inner, raised in pairs:
        if inner is not None and raised is not None and id(inner) not in seen:
            yield from _chained(inner, raised, seen)

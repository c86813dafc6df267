"""Whether the running task is inside a scope that will cancel it at a time: `asyncio.timeout` and the like.

Such a scope keeps its time in a timer of the loop, and the frame of an `async with` (the workflow's own, or that of
`asyncio.wait_for`) is on the stack while it is entered. So the timers are looked through only where there is such a
frame. A loop that does not show its timers (uvloop) hides its scopes: what they cancel is a typed error all the same,
when they do.
"""

from __future__ import annotations

import asyncio
import dis
import inspect
from collections.abc import Iterable
from itertools import chain
from types import CodeType, FrameType

from perdure.core.values import Value

_ENTERS = {dis.opmap[name] for name in ("BEFORE_ASYNC_WITH", "LOAD_SPECIAL") if name in dis.opmap}
_known: dict[CodeType, bool] = {}


def is_in_scope(task: asyncio.Task[Value]) -> bool:
    """Whether a timer is set that will cancel this task, which is the running one."""
    return _enters_something(inspect.currentframe()) and any(
        _cancels(timer, task) for timer in _timers(task.get_loop())
    )


def _enters_something(frame: FrameType | None) -> bool:
    while frame is not None:
        code = frame.f_code
        found = _known.get(code)
        if found is None:
            found = _known[code] = _has_async_with(code)
        if found:
            return True
        frame = frame.f_back
    return False


def _has_async_with(code: CodeType) -> bool:
    return any(operation in _ENTERS for operation in code.co_code[::2])


def _timers(loop: asyncio.AbstractEventLoop) -> Iterable[object]:
    scheduled: Iterable[object] = getattr(loop, "_scheduled", ())
    ready: Iterable[object] = getattr(loop, "_ready", ())
    return chain(scheduled, ready)


def _cancels(timer: object, task: asyncio.Task[Value]) -> bool:
    if getattr(timer, "_cancelled", True):
        return False
    scope = getattr(getattr(timer, "_callback", None), "__self__", None)
    # asyncio and async_timeout call it _task, anyio _host_task; a task is one where its own cancel is what is due
    return scope is not None and (
        getattr(scope, "_task", None) is task or getattr(scope, "_host_task", None) is task or _is_cancel(timer, task)
    )


def _is_cancel(timer: object, task: asyncio.Task[Value]) -> bool:
    callback = getattr(timer, "_callback", None)
    return getattr(callback, "__self__", None) is task and getattr(callback, "__name__", "") == "cancel"

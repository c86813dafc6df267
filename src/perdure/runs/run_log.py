"""The logger of a workflow: it names the run and the position, and is silent in replay."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping

from perdure.core.values import Value

_log = logging.getLogger("perdure.workflow")
# known to nobody but us: to configure logging would enable one that has a name
_silent = logging.Logger("perdure.workflow.replay")  # noqa: LOG001 - see above
_silent.disabled = True


class RunLog(logging.LoggerAdapter[logging.Logger]):
    """Adds run and position to what the caller adds."""

    def process(self, msg: Value, kwargs: MutableMapping[str, Value]) -> tuple[Value, MutableMapping[str, Value]]:
        """Merge both."""
        return msg, {**kwargs, "extra": {**(self.extra or {}), **kwargs.get("extra", {})}}


def run_log(run_id: str, position: str, *, replaying: bool) -> RunLog:
    """A logger for what stands at a position."""
    return RunLog(_silent if replaying else _log, {"run_id": run_id, "position": position})

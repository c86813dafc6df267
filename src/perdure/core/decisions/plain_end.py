"""The end of a run from which nothing follows for any other row, as most are: for a store that writes it unread.

The decision reads the run first, to see what follows from its end: its parent is told, its concurrency key is given
on, its thread, its message and its questions are brought to their end. Where the run's row says that there is nothing
of that, the end changes that row and nothing else: what FinishRun says, `left_token`, and what `FREED` names. So the
row can be written unread, by a statement with all of that in its guard, beside the fence. Questions have rows of their
own: the guard asks for those too.
"""

from __future__ import annotations

from perdure.core.decisions.transitions import ENDED_FIELDS, FREED
from perdure.core.records import RunStatus
from perdure.core.values import Value

_ALREADY = ENDED_FIELDS | {"has_key": False, "cleans_up": False}
PLAIN: dict[str, Value] = {
    "status": "running",
    "parent_id": None,
    "thread_id": None,
    "reply_id": None,
    **{name: value for name, value in _ALREADY.items() if name not in FREED},
}
"""Columns of the run's row, and what each holds where nothing follows from its end: most, what an ended run has."""

PLAIN_ENDS: frozenset[RunStatus] = frozenset({"completed", "failed"})
"""The ends that can be so. A run that is cancelled may have children, which are cancelled too."""

"""Stores whose commits of one moment decide on what was there before the others."""

from __future__ import annotations

import asyncio
from typing import Any

from perdure.core.decisions.reads import GetRun
from perdure.testing.store_suite.facets.races import RacePromises
from tests.broken.registry import BreakableStore, reads_instead


@reads_instead(
    GetRun,
    RacePromises.test_two_who_write_to_a_running_run,
    RacePromises.test_two_who_write_to_a_suspended_run,
    RacePromises.test_two_who_write_to_a_failed_run,
    RacePromises.test_two_who_write_to_a_run_with_a_question,
    RacePromises.test_two_who_write_to_a_run_that_is_cancelling,
    RacePromises.test_two_who_write_to_a_child_and_its_parent,
    RacePromises.test_two_who_write_to_a_thread_and_its_turn,
)
def decides_on_the_run_before(store: BreakableStore, request: Any, found: Any) -> Any:
    """Of two commits at one moment the second one decides on the run as it was before the first one."""
    if store.memory is None:
        store.memory = {}
        asyncio.get_running_loop().call_soon(lambda: setattr(store, "memory", None))
    reader, before = store.memory.setdefault(request, (asyncio.current_task(), found))
    return found if reader is asyncio.current_task() else before

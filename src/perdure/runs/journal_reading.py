"""The journals of runs that were claimed, read for all of them at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec

from perdure.core.records import Journal, RunRecord
from perdure.errors import StoreError, StoreUnavailable
from perdure.runs.journal_cache import JournalCache
from perdure.stores.port import Store

READ_AGAIN_AFTER = 0.2

_log = logging.getLogger("perdure.worker")


class Reading(Protocol):
    """Who reads them: a holder of leases."""

    store: Store
    journals: JournalCache
    incarnation: str
    is_leaving: bool

    async def pause(self, seconds: float) -> None:
        """Wait, by the clock."""
        ...


async def read_journals(holder: Reading, runs: list[RunRecord]) -> list[Journal | None]:
    """Each whole, or as it was kept here with what has come in since.

    Shape: None for one that can't be read, which keeps no other run from beginning. A store that is away for a moment
    is waited for, until the worker expires or leaves.
    Raises: StoreError.
    """
    known = [holder.journals.take(run) for run in runs]
    missing = [run for run, journal in zip(runs, known, strict=True) if journal is None]
    read = iter(await _whole(holder, missing) if missing else ())
    journals = [next(read) if journal is None else journal for journal in known]
    behind = [n for n, journal in enumerate(journals) if journal is not None and runs[n].inbox != journal.inbox]
    brought_up = await asyncio.gather(*(_brought_up(holder, runs[n], journals[n]) for n in behind))
    for n, journal in zip(behind, brought_up, strict=True):
        journals[n] = journal
    return journals


async def _whole(holder: Reading, runs: list[RunRecord]) -> Sequence[Journal | None]:
    incarnation = holder.incarnation
    while True:
        try:
            return await holder.store.runs.journals(runs)
        except StoreUnavailable:
            if incarnation != holder.incarnation or holder.is_leaving:
                raise
            await holder.pause(READ_AGAIN_AFTER)
        except StoreError:
            raise
        except Exception:
            if len(runs) > 1:
                return [(await _whole(holder, [run]))[0] for run in runs]
            _log.exception("run %s: its journal can't be read; it is given back later", runs[0].run_id)
            return [None]


async def _brought_up(holder: Reading, run: RunRecord, journal: Journal | None) -> Journal | None:
    if journal is None:
        return None
    after = max((event.seq for event in journal.events), default=0)
    events = await holder.store.events.list(run.run_id, tenant=run.tenant, after=after)
    return msgspec.structs.replace(journal, events=(*journal.events, *events), inbox=run.inbox)

"""Stores that lose a concurrency key, or give it to two."""

from typing import Any

import msgspec

from perdure.core.decisions.changes import RemoveKey, UpdateRun, WriteKey
from perdure.core.decisions.reads import GetKey, GetNextTicket
from perdure.core.records import KeyRecord, RunRecord
from perdure.testing.store_suite.facets.concurrency_keys import ConcurrencyKeyPromises
from perdure.testing.store_suite.facets.random_histories import RandomHistoryPromises
from tests.broken.registry import BreakableStore, reads_instead, writes_instead


@reads_instead(
    GetNextTicket,
    ConcurrencyKeyPromises.test_runs_of_one_key_are_claimed_one_after_the_other_in_order,
    ConcurrencyKeyPromises.test_every_end_gives_the_key_to_the_next,
    RandomHistoryPromises.test_whatever_is_done_nothing_is_lost_or_stuck_or_left_open,
)
def ticket_lost(store: BreakableStore, request: GetNextTicket, run: RunRecord | None) -> None:
    """Whoever waits for a key is not found when it is free."""


@reads_instead(GetNextTicket, ConcurrencyKeyPromises.test_runs_of_one_key_are_claimed_one_after_the_other_in_order)
def last_come_first_served(store: BreakableStore, request: GetNextTicket, run: RunRecord | None) -> RunRecord | None:
    """The last ticket is served first."""
    waiting = [one for one in store.state.runs.values() if one.key == request.key.key and one.ticket is not None]
    return max(waiting, key=lambda one: one.ticket or 0, default=None)


@reads_instead(
    GetKey,
    ConcurrencyKeyPromises.test_of_many_runs_of_one_key_never_two_run,
    ConcurrencyKeyPromises.test_of_several_timers_of_one_key_one_is_claimed,
)
def key_for_everybody(store: BreakableStore, request: GetKey, key: Any) -> None:
    """Everybody has the key."""


@reads_instead(GetKey, ConcurrencyKeyPromises.test_runs_of_other_keys_and_of_none_do_not_wait)
def one_key_for_all_tenants(store: BreakableStore, request: GetKey, key: KeyRecord | None) -> KeyRecord | None:
    """The keys of several tenants are one."""
    return key or next((one for one in store.state.keys.values() if one.key == request.key), None)


@writes_instead(RemoveKey, ConcurrencyKeyPromises.test_a_restarted_run_is_claimable_at_once_where_nobody_has_its_key)
def key_kept_by_an_ended_run(store: BreakableStore, change: RemoveKey) -> list[WriteKey]:
    """A key that nobody has is still somebody's."""
    return [WriteKey(msgspec.structs.replace(change.key, run_id="somebody"))]


@writes_instead(UpdateRun, ConcurrencyKeyPromises.test_a_run_that_is_cancelled_while_it_waits_loses_its_ticket)
def ticket_of_an_ended_run(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """A run that was cancelled while it waited gets the key all the same."""
    before = store.state.runs[change.run.tenant, change.run.run_id]
    if change.run.status != "cancelled":
        return [change]
    return [change._replace(run=msgspec.structs.replace(change.run, ticket=before.ticket))]


@writes_instead(UpdateRun, ConcurrencyKeyPromises.test_a_run_that_holds_its_key_while_it_runs_gives_it_on_when_it_waits)
def key_kept_while_waiting(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """A run that waits believes that it has its key still."""
    if change.run.status != "suspended":
        return [change]
    return [change._replace(run=msgspec.structs.replace(change.run, has_key=change.run.key is not None))]


@writes_instead(UpdateRun, ConcurrencyKeyPromises.test_a_run_that_waits_for_its_key_is_claimable_by_nothing_else)
def claimable_without_its_key(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """An event makes a run claimable that waits for its key."""
    if change.run.ticket is None or "inbox" not in change.fields:
        return [change]
    return [change._replace(run=msgspec.structs.replace(change.run, ready_at=store.clock.now(), has_key=True))]

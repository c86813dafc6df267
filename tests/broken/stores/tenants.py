"""Stores in which tenants meet."""

from typing import Any

from perdure.core.decisions.reads import GetMessage, GetQuestion, GetRun, GetThread
from perdure.core.records import RunRecord
from perdure.stores.port import EVERY_TENANT
from perdure.testing.store_suite.facets.tenants import TenantPromises
from tests.broken.registry import BreakableStore, caught_by, reads_instead

MEET = TenantPromises.test_the_same_ids_of_several_tenants_do_not_meet
NOT_THERE = TenantPromises.test_what_is_another_tenants_is_not_there


@reads_instead(GetRun, MEET, NOT_THERE)
def tenant_ignored_in_runs(store: BreakableStore, request: GetRun, run: RunRecord | None) -> RunRecord | None:
    """A run is found by its id alone."""
    return next((one for one in store.state.runs.values() if one.run_id == request.run_id), None)


@reads_instead(GetThread, NOT_THERE)
def tenant_ignored_in_threads(store: BreakableStore, request: GetThread, thread: Any) -> Any:
    """A thread is found by its id alone."""
    return next((one for one in store.state.threads.values() if one.thread_id == request.thread_id), None)


@reads_instead(GetQuestion, NOT_THERE)
def tenant_ignored_in_questions(store: BreakableStore, request: GetQuestion, question: Any) -> Any:
    """A question is found by its id alone."""
    found = store.state.questions.values()
    return next((one for one in found if one.question_id == request.question_id), None)


@reads_instead(GetMessage, MEET)
def tenant_ignored_in_messages(store: BreakableStore, request: GetMessage, message: Any) -> Any:
    """A message is found by its thread's id and its own."""
    for (_, thread_id), rows in store.state.of_thread.items():
        if thread_id == request.thread_id and request.message_id in rows.messages:
            return rows.messages[request.message_id]
    return None


@caught_by(NOT_THERE)
class TenantIgnoredInReads(BreakableStore):
    """Whoever knows an id reads the run."""

    def __init__(self, url: str = "memory:", **options: Any) -> None:
        super().__init__(url, **options)

        async def get(run_id: str, *, tenant: str | None) -> RunRecord | None:
            return next((run for run in self.state.runs.values() if run.run_id == run_id), None)

        self.runs.get = get


@caught_by(TenantPromises.test_an_operator_lists_what_is_of_every_tenant, NOT_THERE)
class ListsOfAllTenants(BreakableStore):
    """A list is of every tenant, whoever asks."""

    def __init__(self, url: str = "memory:", **options: Any) -> None:
        super().__init__(url, **options)
        listed = self.runs.list

        async def every(*, tenant: Any, **filters: Any) -> list[RunRecord]:
            return await listed(tenant=EVERY_TENANT, **filters)

        self.runs.list = every

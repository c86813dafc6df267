"""Topics: which change is news of what. One place, so that a hint is missing in no store.

    run:ID       the run is new, its status or its inbox changed, or it was deleted
    end:ID       the run ended, or was deleted: for whoever waits for nothing else
    stream:ID    entries were appended or replaced, the run ended, or it was deleted
    queue:NAME   a run of the queue is claimable now, or has a new time to be; or one gave up its place in it
    thread:ID    the thread, its turns, its events or its messages changed
    questions    a question was asked, answered, closed or deleted
    workers      a worker came or went

IDs of a tenant's runs and threads have the tenant before them (`TENANT/ID`, with `%2F` for a slash in the tenant).
What is no news: a step, because who waits for one waits for the run; the renewal of a lease, because who waits for the
end of a lease waits for a time. An operation that changes nothing need not tell anybody.
"""

from __future__ import annotations

from collections.abc import Iterator

from perdure.core.records import RunRecord
from perdure.core.states import ENDED

QUESTIONS = "questions"
WORKERS = "workers"
STREAM = "stream"
"""The kind of the topics of streams."""


def run(tenant: str | None, run_id: str) -> str:
    """The topic of a run's status and inbox."""
    return f"run:{_id(tenant, run_id)}"


def end(tenant: str | None, run_id: str) -> str:
    """The topic of a run's end."""
    return f"end:{_id(tenant, run_id)}"


def stream(tenant: str | None, run_id: str) -> str:
    """The topic of a run's stream."""
    return f"{STREAM}:{_id(tenant, run_id)}"


def runs_of_stream(topic: str) -> list[tuple[str, str]]:
    """The runs, by tenant (empty for none) and id, whose stream a topic is of: two where the id holds a slash."""
    name = topic.partition(":")[2]
    tenant, slash, run_id = name.partition("/")
    tenants = [(tenant.replace("%2F", "/").replace("%25", "%"), run_id)] if slash else []
    return [("", name), *tenants]


def queue(name: str) -> str:
    """The topic of what can be claimed of a queue."""
    return f"queue:{name}"


def thread(tenant: str | None, thread_id: str) -> str:
    """The topic of a thread."""
    return f"thread:{_id(tenant, thread_id)}"


def of_change(before: RunRecord | None, after: RunRecord) -> Iterator[str]:
    """The topics of a run that is new (`before` is None), or whose row changed in what others may wait for."""
    yield run(after.tenant, after.run_id)
    if after.status in ENDED and (before is None or before.status not in ENDED):
        yield end(after.tenant, after.run_id)
        yield stream(after.tenant, after.run_id)
    gave_up_its_place = before is not None and before.worker_id is not None and after.worker_id is None
    times = (after.ready_at, after.due_at)
    has_new_time = times != (None, None) and (before is None or times != (before.ready_at, before.due_at))
    if has_new_time or gave_up_its_place:
        yield queue(after.queue)


def of_end(tenant: str | None, run_id: str, queue_name: str) -> Iterator[str]:
    """The topics of a run whose holder has ended it: as `of_change` gives them."""
    name = _id(tenant, run_id)
    yield f"run:{name}"
    yield f"end:{name}"
    yield f"stream:{name}"
    yield queue(queue_name)


def of_deletion(gone: RunRecord) -> Iterator[str]:
    """The topics of a run that was deleted, in whatever status."""
    yield run(gone.tenant, gone.run_id)
    yield end(gone.tenant, gone.run_id)
    yield stream(gone.tenant, gone.run_id)
    yield QUESTIONS
    if gone.worker_id is not None:
        yield queue(gone.queue)


def _id(tenant: str | None, name: str) -> str:
    return name if tenant is None else f"{tenant.replace('%', '%25').replace('/', '%2F')}/{name}"

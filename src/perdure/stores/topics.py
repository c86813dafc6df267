"""Topics: which change is news of what. One place, so that a hint is missing in no store.

    run:ID      the run is new, its status or its inbox changed, or it was deleted
    end:ID      the run ended, or was deleted: for whoever waits for nothing else
    stream:ID   entries were appended or compacted, the run ended, or it was deleted
    queue:NAME  a run of the queue is due now, or has a new time to be due at; or one gave up its place in it
    thread:ID   the thread, its turns, its events or its messages changed
    questions   a question was asked, answered, or deleted
    workers     a worker came or went

What is no news: a step, because who waits for one waits for the run; the renewal of a lease, because who waits for
the end of a lease waits for a time. An operation that changes nothing (an emit whose key is taken, a run that is there
already) need not tell anybody.
"""

from __future__ import annotations

from collections.abc import Iterator

from perdure.core.records import RunRecord
from perdure.core.states import ENDED, OWNED

QUESTIONS = "questions"
WORKERS = "workers"


def run(run_id: str) -> str:
    """The topic of a run's status and inbox."""
    return f"run:{run_id}"


def end(run_id: str) -> str:
    """The topic of a run's end."""
    return f"end:{run_id}"


def stream(run_id: str) -> str:
    """The topic of a run's stream."""
    return f"stream:{run_id}"


def queue(name: str) -> str:
    """The topic of what can be claimed of a queue."""
    return f"queue:{name}"


def thread(thread_id: str) -> str:
    """The topic of a thread."""
    return f"thread:{thread_id}"


def of_edge(before: RunRecord | None, after: RunRecord) -> Iterator[str]:
    """The topics of a run that is new (`before` is None), or that took an edge."""
    yield run(after.run_id)
    if after.status in ENDED:
        yield end(after.run_id)
        yield stream(after.run_id)
    gave_up_its_place = before is not None and before.status in OWNED and after.status not in OWNED
    if after.due_at is not None or gave_up_its_place:
        yield queue(after.queue)


def of_deletion(gone: RunRecord) -> Iterator[str]:
    """The topics of a run that was deleted, in whatever status."""
    yield run(gone.run_id)
    yield end(gone.run_id)
    yield stream(gone.run_id)
    yield QUESTIONS
    if gone.status in OWNED:
        yield queue(gone.queue)

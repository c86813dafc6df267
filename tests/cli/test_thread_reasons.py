"""Why a thread stands as it does, as `perdure threads` shows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from perdure.cli.durations import at
from perdure.cli.threads.list import why
from perdure.core.failures import Failure
from perdure.core.threads import ThreadRecord, with_status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=50)
THREAD = ThreadRecord(thread_id="first", agent="assistant", created_at=NOW)
FAILURE = Failure(cause_type="ModelRefused", message="no")


@pytest.mark.parametrize(
    ("thread", "shown"),
    [
        (with_status(THREAD, None), ""),
        (with_status(THREAD, "running"), ""),
        (with_status(THREAD, "suspended", waiting_for=("retry:1",), due_at=LATER), f"retry until {at(LATER)}"),
        (with_status(THREAD, "suspended", waiting_for=("question:1",), due_at=LATER), f"until {at(LATER)}"),
        (with_status(THREAD, "suspended", waiting_for=("question:1",)), ""),
        (with_status(THREAD, "cancelled", cancel_reason="enough"), "enough"),
        (with_status(THREAD, "failed", failure=FAILURE), "ModelRefused: no"),
    ],
    ids=["none", "running", "retry", "question_with_time", "question", "stopped", "failed"],
)
def test_the_list_says_why_and_until_when_a_thread_waits(thread: ThreadRecord, shown: str) -> None:
    assert why(thread) == shown

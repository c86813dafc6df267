"""What every test stands on."""

import asyncio
import gc
import os
import ssl
from collections.abc import Generator, Iterator, Sized
from functools import cache

import pytest
from hypothesis import settings

from tests.thread_starts import thread_starts_fail

# No deadline: it would read the wall clock of a busy machine. The parent is Hypothesis' own choice, its CI profile too.
settings.register_profile("perdure", parent=settings.default, deadline=None)
settings.load_profile("perdure")


MANY_TASKS = 100
"""More than that were made since the last collection."""

_kept = [0]


def pytest_collection_finish() -> None:
    """What was imported stays: the collector of cycles need not look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def tasks_are_collected() -> Iterator[None]:
    """FakeClock asks for the loop's tasks at each step of its time: those of earlier tests are not to be among them.

    A task that has ended stays until the collector of cycles runs, which is seldom where few objects are made.
    """
    yield
    tasks: Sized = getattr(asyncio.tasks, "_all_tasks", ())  # of every loop, and in no order: all_tasks looks at each
    _kept[0] = min(_kept[0], len(tasks))
    if len(tasks) > _kept[0] + MANY_TASKS:
        gc.collect()
        _kept[0] = len(tasks)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A missing real part is skipped by name; in CI it fails, because there nothing may be missing."""
    report = yield
    if report.skipped and "CI" in os.environ and item.get_closest_marker("real"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"A real part is missing in CI. {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def certificates() -> Iterator[None]:
    """Read once: hundreds of tests make an HTTP client, and each would read the certificates of the world again."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


@pytest.fixture
def unstartable() -> Generator[set[str]]:
    """The names of threads that can't be started, as on a machine that has no more."""
    names = set[str]()
    with thread_starts_fail(names.__contains__):
        yield names

"""What every test stands on."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

# No deadline: it would read the wall clock of a busy machine. The parent is Hypothesis' own choice, its CI profile too.
settings.register_profile("perdure", parent=settings.default, deadline=None)
settings.load_profile("perdure")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A missing real part is skipped by name; in CI it fails, because there nothing may be missing."""
    report = yield
    if report.skipped and "CI" in os.environ and item.get_closest_marker("real"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"A real part is missing in CI. {reason}"
    return report

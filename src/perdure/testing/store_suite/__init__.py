"""The store suite: every promise of `perdure.stores.port`, as a test that any store must pass.

May import what `testing` may, and pytest, pytest-asyncio and Hypothesis. Read next: `suite`, then a facet.

For a store of your own, in a test file of your own, with pytest's `asyncio_mode = "auto"`:

    from pathlib import Path
    from perdure.testing.store_suite import StoreSuite

    class TestMyStore(StoreSuite):
        # async (url, *, clock) -> Store, which reads its time from the clock; child processes import it, too
        opener = "my_package.stores:open_my_store"

        def url(self, folder: Path) -> str:
            return f"mine:///{folder}/test.db"  # a store of its own for each test

What needs an ability that the store does not declare is skipped by its name. A store that proves deaths may have to
override `let_die` too, see `base`. The parts of the suite can be run as classes of their own: `FacetSuite` is all that
happens in one process, `ProcessSuite` is what takes several.
"""

import pytest

# Before the tests are imported: so that an assert that fails in an installed package says what it compared.
pytest.register_assert_rewrite("perdure.testing.store_suite.facets", "perdure.testing.store_suite.harness")

from perdure.testing.store_suite.base import Promises  # noqa: E402 - see above
from perdure.testing.store_suite.harness import StoreHarness  # noqa: E402 - see above
from perdure.testing.store_suite.suite import FacetSuite, ProcessSuite, StoreSuite  # noqa: E402 - see above

__all__ = ["FacetSuite", "ProcessSuite", "Promises", "StoreHarness", "StoreSuite"]

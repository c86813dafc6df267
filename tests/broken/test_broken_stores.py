"""The suite can fail: each broken store is caught by the tests whose promise it breaks, and a whole one passes them."""

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from perdure.stores.memory import MemoryStore
from perdure.testing.store_suite.facets import watching
from tests.broken.registry import BROKEN_STORES, CAUGHT, BreakableStore, Promise, run_promise
from tests.broken.stores import (
    commits,
    events,
    fences,
    keys,
    landings,
    leases,
    notices,
    queues,
    races,
    runs,
    streams,
    suspicion,
    tenants,
    threads,
    transfer,
    workers,
)

MODULES = (
    commits,
    events,
    fences,
    keys,
    landings,
    leases,
    notices,
    queues,
    races,
    runs,
    streams,
    suspicion,
    tenants,
    threads,
    transfer,
    workers,
)
CASES = [(broken.store, promise) for broken in BROKEN_STORES for promise in broken.caught_by]
PROMISES = list(dict.fromkeys(promise for _, promise in CASES))


@pytest.fixture(autouse=True)
def caught_soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """News that is missed is missed for less long, and the first example that Hypothesis finds will do."""
    monkeypatch.setattr(watching, "SOON", 0.2)
    usual = settings()
    settings.register_profile("found is enough", parent=usual, phases=[Phase.generate], database=None)
    settings.load_profile("found is enough")
    yield
    settings.register_profile("usual", parent=usual)
    settings.load_profile("usual")


@pytest.mark.parametrize(("store", "promise"), CASES, ids=[f"{store.__name__}-{one.__name__}" for store, one in CASES])
async def test_a_broken_store_is_caught(store: type[MemoryStore], promise: Promise) -> None:
    with pytest.raises(CAUGHT):
        await run_promise(store, promise)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("store", [MemoryStore, BreakableStore])
async def test_a_whole_store_passes_what_catches_a_broken_one(store: type[MemoryStore], promise: Promise) -> None:
    await run_promise(store, promise)


def test_each_broken_store_says_what_it_breaks_and_has_a_name_of_its_own() -> None:
    names = [broken.store.__name__ for broken in BROKEN_STORES]
    assert len(names) == len(set(names))
    assert [broken.store.__name__ for broken in BROKEN_STORES if not broken.store.__doc__ or not broken.caught_by] == []


def test_there_is_a_broken_store_for_each_kind_of_promise() -> None:
    assert len(BROKEN_STORES) >= 100
    assert {broken.store.__module__ for broken in BROKEN_STORES} >= {module.__name__ for module in MODULES}

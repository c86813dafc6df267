"""One id is one worker of a process and a store, as long as the worker lives."""

from __future__ import annotations

import gc

import pytest

from perdure.errors import SettingInvalid
from perdure.runs import worker_ids
from perdure.stores import open_store
from perdure.stores.port import Store
from tests.runs.cluster import Cluster


class Stub:
    """A worker that lives as long as it is told to."""

    def __init__(self, store: Store, worker_id: str = "ana") -> None:
        self.store = store
        self.worker_id = worker_id
        self.lives = True


async def test_an_id_is_refused_while_its_worker_lives_and_taken_when_it_does_not(cluster: Cluster) -> None:
    first, second = Stub(cluster.store), Stub(cluster.store)
    worker_ids.take(first)
    worker_ids.take(first)
    with pytest.raises(SettingInvalid, match="'ana'"):
        worker_ids.take(second)
    worker_ids.give_back(second)
    with pytest.raises(SettingInvalid):
        worker_ids.take(second)
    first.lives = False
    worker_ids.take(second)
    worker_ids.give_back(first)
    with pytest.raises(SettingInvalid):
        worker_ids.take(Stub(cluster.store))


async def test_a_worker_that_took_another_id_has_left_the_first_one(cluster: Cluster) -> None:
    first = Stub(cluster.store)
    worker_ids.take(first)
    first.worker_id = "bob"
    worker_ids.take(Stub(cluster.store))
    worker_ids.take(first)
    with pytest.raises(SettingInvalid, match="'bob'"):
        worker_ids.take(Stub(cluster.store, "bob"))


async def test_a_worker_that_nobody_has_any_more_is_forgotten(cluster: Cluster) -> None:
    first = Stub(cluster.store)
    worker_ids.take(first)
    del first
    gc.collect()
    worker_ids.take(Stub(cluster.store))


async def test_a_database_is_one_store_however_often_it_is_opened_and_memory_is_not(cluster: Cluster) -> None:
    first = Stub(cluster.store)
    worker_ids.take(first)
    other = await open_store(cluster.url, clock=cluster.clock)
    try:
        if cluster.url.startswith("memory"):
            worker_ids.take(Stub(other))
        else:
            with pytest.raises(SettingInvalid):
                worker_ids.take(Stub(other))
    finally:
        await other.close()

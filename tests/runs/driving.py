"""run_durable, as tests call it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from perdure import Manifest, TaskSpec, run_durable
from perdure.runs.durable import Durable
from tests.runs.cluster import Cluster


def manifest(**fields: Any) -> Manifest:
    return Manifest(task=TaskSpec(id="review", intent="Review a return"), **fields)


class Driver:
    """run_durable with what each test says otherwise."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def __call__(self, task: Any, **options: Any) -> Coroutine[Any, Any, Durable[Any]]:
        cluster = self.cluster
        given: dict[str, Any] = {
            "run_id": "run",
            "store": cluster.store,
            "manifest": manifest(),
            "clock": cluster.clock,
        }
        return run_durable(task=task, **(given | options))

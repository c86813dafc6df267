"""Only a failure of a step is an attempt of its policy: a stop, a death and a lost lease use none up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

import perdure
from perdure import Retry
from perdure.core.operations import PutStep, RegisterWorker, RenewWorker, RetireWorker, TakeRun
from perdure.core.records import Lease
from perdure.errors import RunFailed, StoreUnavailable
from perdure.runs.heartbeat import STALL_LIMIT
from perdure.testing.wrapped import RunKeys, WrappedStore
from tests.runs.cluster import LEASE_FOR, Cluster

INTERRUPTIONS = ("a stop", "a death", "a lost lease")


class Unrenewed(WrappedStore):
    """A store through which no lease is renewed."""

    def around_renewal(self, operation: RenewWorker, renew: Callable[[], RunKeys]) -> RunKeys:
        raise StoreUnavailable("the network is down")


async def interrupt(cluster: Cluster, how: str) -> None:
    """Begin the run's next attempt in a worker, and end it without an end of the step."""
    unrenewed = Unrenewed(cluster.store) if how == "a lost lease" else None
    began = len(cluster.done)
    simulated = await cluster.start_worker(store=unrenewed)
    await cluster.clock.advance(8)
    assert len(cluster.done) == began + 1
    if how == "a stop":
        await cluster.clock.until(simulated.worker.stop(at_once=True))
    elif how == "a death":
        await cluster.kill()
        await taken_over(cluster, LEASE_FOR)
    else:
        await taken_over(cluster, STALL_LIMIT)
        await cluster.kill()
    assert (await cluster.step("0")).status in {"running", "in_doubt"}


async def taken_over(cluster: Cluster, after: float) -> None:
    """Let a worker that claims nothing take the run."""
    other = await cluster.start_worker(queues={"other": None})
    await cluster.clock.advance(after + 2)
    await cluster.clock.until(other.worker.stop(at_once=True))


def scripted(cluster: Cluster, script: str, retry: Retry, **options: Any) -> perdure.Workflow[..., int]:
    """A workflow with one step; its nth call hangs where the script has an i, fails for f, and ends else."""

    async def work() -> int:
        cluster.done.append(script[len(cluster.done)])
        if cluster.done[-1] == "i":
            await cluster.sleep(1e6)
        if cluster.done[-1] == "f":
            raise ValueError(f"failure {cluster.done.count('f')}")
        return cluster.done.count("f")

    async def flow(ctx: perdure.Context) -> int:
        failures: Any = await ctx.step("work", work, retry=retry, **options)
        return failures

    return cluster.workflow(flow)


TWICE = Retry(attempts=2, initial=2.0, jitter=False)
THRICE = Retry(attempts=3, initial=2.0, jitter=False)


@pytest.mark.parametrize("options", [{}, {"idempotent": True, "timeout": 2e5}])
@pytest.mark.parametrize("how", INTERRUPTIONS)
async def test_an_interruption_is_no_attempt_of_the_policy(cluster: Cluster, how: str, options: dict[str, Any]) -> None:
    run = await cluster.client.start(scripted(cluster, "iife", TWICE, **options), run_id="run")
    for _ in range(2):
        await interrupt(cluster, how)
    await cluster.start_worker()
    assert await cluster.result(run) == 1
    assert (await cluster.step("0")).attempts == 4


@pytest.mark.parametrize("how", INTERRUPTIONS)
async def test_failures_are_counted_over_interruptions(cluster: Cluster, how: str) -> None:
    run = await cluster.client.start(scripted(cluster, "fififffff", THRICE), run_id="run")
    await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.kill()
    for _ in range(2):
        await taken_over(cluster, LEASE_FOR)
        await interrupt(cluster, how)
        if cluster.done.count("f") == 1:
            await cluster.start_worker()
            await cluster.clock.settle()
            await cluster.kill()
    await cluster.start_worker()
    with pytest.raises(RunFailed, match="failure 3"):
        await cluster.result(run)
    assert "".join(cluster.done) == "fifif"


async def test_a_restart_gives_the_policys_number_whatever_was_interrupted(cluster: Cluster) -> None:
    run = await cluster.client.start(scripted(cluster, "iffifff", TWICE), run_id="run")
    await interrupt(cluster, "a stop")
    simulated = await cluster.start_worker()
    with pytest.raises(RunFailed, match="failure 2"):
        await cluster.result(run)
    await cluster.clock.until(simulated.worker.stop())
    await run.restart()
    await interrupt(cluster, "a stop")
    await cluster.start_worker()
    with pytest.raises(RunFailed, match="failure 4"):
        await cluster.result(run)
    assert "".join(cluster.done) == "iffiff"


async def test_the_answer_again_gives_the_policys_number_and_that_survives_a_stop(cluster: Cluster) -> None:
    flow = scripted(cluster, "fiffe", TWICE, in_doubt="ask")
    run = await cluster.client.start(flow, run_id="run")
    simulated = await cluster.start_worker()
    await cluster.clock.advance(3)
    await cluster.clock.until(simulated.worker.stop(at_once=True))
    simulated = await cluster.start_worker()
    await cluster.clock.settle()
    (question,) = await cluster.client.questions.list()
    await cluster.client.questions.answer(question.question_id, "again")
    await cluster.clock.settle()
    assert "".join(cluster.done) == "fif"
    await cluster.clock.until(simulated.worker.stop(at_once=True))
    await cluster.start_worker()
    with pytest.raises(RunFailed, match="failure 3"):
        await cluster.result(run)
    assert "".join(cluster.done) == "fiff"


async def test_a_count_that_was_stored_before_only_failures_counted_is_read_as_it_was_meant(cluster: Cluster) -> None:
    run = await cluster.client.start(scripted(cluster, "ff", THRICE), run_id="run")
    simulated = await cluster.start_worker()
    await cluster.clock.settle()
    await cluster.clock.until(simulated.worker.stop(at_once=True))
    step = await cluster.step("0")
    assert step.failure is not None
    assert step.failure.failed == 1
    earlier = structs.replace(step, attempts=2, failure=structs.replace(step.failure, failed=None))
    await cluster.clock.advance(3)
    own: Any = {"worker_id": "ana", "incarnation": "1"}
    at = cluster.clock.now()
    await cluster.store.execute(RegisterWorker(lease_for=30.0, at=at, **own))
    await cluster.store.execute(TakeRun(tenant=None, run_id="run", claim_id="1", at=at, **own))
    await cluster.store.commit(Lease(None, "run", (await cluster.record()).token), PutStep(earlier))
    await cluster.store.execute(RetireWorker(at=at, **own))
    await cluster.start_worker()
    with pytest.raises(RunFailed, match="failure 2"):
        await cluster.result(run)

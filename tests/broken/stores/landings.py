"""Stores in which landing a commit twice is not landing it once."""

from typing import Any

import msgspec

from perdure.core.decisions import Decision, Draft, decide_holder
from perdure.core.decisions.changes import InsertUsage, UpdateRun, WriteParts
from perdure.core.decisions.reads import GetEntry, GetHead, GetStep, GetThreadEvent, GetTurn, HasTombstone
from perdure.core.operations import (
    Answer,
    CancelRun,
    Claim,
    CommitResult,
    Emit,
    HolderOperation,
    RenewWorker,
    RestartRun,
    SetMessage,
)
from perdure.core.records import Lease, StepRecord
from perdure.core.states import FINAL
from perdure.core.usage import total
from perdure.errors import LeaseLost
from perdure.testing.store_suite.facets.cancelling import CancelPromises
from perdure.testing.store_suite.facets.claims import ClaimPromises
from perdure.testing.store_suite.facets.deleting import DeletePromises
from perdure.testing.store_suite.facets.events import EventPromises
from perdure.testing.store_suite.facets.landing_twice import LandingTwicePromises, LostAnswerPromises
from perdure.testing.store_suite.facets.messages import WriteMessagePromises
from perdure.testing.store_suite.facets.questions import QuestionPromises
from perdure.testing.store_suite.facets.restarting import RestartPromises
from perdure.testing.store_suite.facets.steps import StepPromises
from perdure.testing.store_suite.facets.streams import StreamPromises
from perdure.testing.store_suite.facets.thread_events import ThreadEventPromises
from perdure.testing.store_suite.facets.turns import TurnPromises
from perdure.testing.store_suite.facets.workers import WorkerPromises
from tests.broken.registry import BreakableStore, caught_by, decides_instead, reads_instead, writes_instead

RUNS = LandingTwicePromises.test_the_life_of_a_run_may_land_again_at_any_time
THREADS = LandingTwicePromises.test_the_life_of_a_thread_may_land_again_at_any_time
WORKERS = LandingTwicePromises.test_what_becomes_of_workers_may_land_again_at_any_time
LANDED = LostAnswerPromises.test_a_commit_that_landed_answers_as_the_first_time
NOT_LANDED = LostAnswerPromises.test_a_commit_that_did_not_land_is_refused


def _again(store: BreakableStore, what: str) -> str:
    """Another id at each landing."""
    store.memory = (store.memory or 0) + 1
    return f"{what} {store.memory}"


@decides_instead(Emit, RUNS, EventPromises.test_every_emit_of_a_channel_stays)
def emitted_twice(store: BreakableStore, operation: Emit) -> Emit:
    """An emit that lands again is another one."""
    return msgspec.structs.replace(operation, emit_id=_again(store, operation.emit_id))


@decides_instead(Answer, RUNS, QuestionPromises.test_the_first_answer_stays)
def answered_twice(store: BreakableStore, operation: Answer) -> Answer:
    """An answer that lands again is another one, and is told that it came too late."""
    return msgspec.structs.replace(operation, answer_id=_again(store, operation.answer_id))


@decides_instead(Claim, ClaimPromises.test_a_claim_that_comes_again_gives_the_same_runs_and_no_more, RUNS)
def claimed_twice(store: BreakableStore, operation: Claim) -> Claim:
    """A claim that lands again claims more."""
    return msgspec.structs.replace(operation, claim_id=_again(store, operation.claim_id))


@decides_instead(RestartRun, RestartPromises.test_a_restart_that_was_done_is_not_done_again)
def restarted_twice(store: BreakableStore, operation: RestartRun) -> RestartRun:
    """A restart that lands late restarts a run that has failed again."""
    known = store.state.runs.get((operation.tenant, operation.run_id))
    life = known.life + 1 if known is not None and known.status == "failed" else operation.life
    return msgspec.structs.replace(operation, life=life)


@decides_instead(CancelRun, CancelPromises.test_a_late_cancel_leaves_a_run_that_was_restarted_since)
def cancels_another_life(store: BreakableStore, operation: CancelRun) -> CancelRun:
    """A cancel that lands late ends a run that was restarted since."""
    return msgspec.structs.replace(operation, life=None)


@decides_instead(RenewWorker, WorkerPromises.test_a_renewal_with_an_earlier_beat_changes_nothing, WORKERS)
def renewed_by_an_earlier_beat(store: BreakableStore, operation: RenewWorker) -> RenewWorker:
    """A renewal that lands late counts from when it lands."""
    known = store.state.workers.get(operation.worker_id)
    return msgspec.structs.replace(operation, beat=known.beat + 1 if known is not None else operation.beat)


@decides_instead(SetMessage, WriteMessagePromises.test_an_earlier_version_of_a_message_changes_nothing)
def message_rolled_back(store: BreakableStore, operation: SetMessage) -> SetMessage:
    """The last landing wins, whatever its version is."""
    rows = [rows.messages.get(operation.message_id) for rows in store.state.of_thread.values()]
    version = max((message.version for message in rows if message is not None), default=0)
    return msgspec.structs.replace(operation, version=version + 1)


@writes_instead(
    WriteParts,
    WriteMessagePromises.test_a_part_is_replaced_by_a_later_version_only,
    LostAnswerPromises.test_a_late_landing_of_a_holder_takes_nothing_back,
)
def parts_rolled_back(store: BreakableStore, change: WriteParts) -> list[WriteParts]:
    """A part is written over by an earlier one."""
    parts = store.state.of_thread[change.message.tenant, change.message.thread_id].parts
    return [change._replace(version=max((part.version for part in parts.values()), default=0) + 1)]


@writes_instead(InsertUsage, WriteMessagePromises.test_usage_is_a_row_for_each_attempt_inserted_once, RUNS)
def usage_summed(store: BreakableStore, change: InsertUsage) -> list[InsertUsage]:
    """Usage is added to what is there."""
    rows = store.state.of_run[change.run.tenant, change.run.run_id].usage
    known = rows.pop((change.usage.position, change.usage.attempt), None)
    if known is None:
        return [change]
    return [change._replace(usage=msgspec.structs.replace(known, usage=total([known.usage, change.usage.usage])))]


@writes_instead(UpdateRun, LANDED, LostAnswerPromises.test_an_end_is_settled_by_its_own_key_alone)
def ends_forgotten(store: BreakableStore, change: UpdateRun) -> list[UpdateRun]:
    """A run does not know under which token it was left: an end that lands again is refused."""
    return [change._replace(run=msgspec.structs.replace(change.run, left_token=0))]


@caught_by(LANDED)
class NothingBelieved(BreakableStore):
    """Whose lease is gone is refused, though the commit had landed."""

    def decide(self, draft: Draft, lease: Lease, operations: tuple[HolderOperation, ...]) -> Decision[CommitResult]:
        run = self.state.runs.get((lease.tenant, lease.run_id))
        if run is None or run.token != lease.token or run.worker_id is None:
            raise LeaseLost(lease.run_id, lease.token)
        return decide_holder(draft, lease, operations)


@reads_instead(GetEntry, NOT_LANDED)
def entries_of_others_believed(store: BreakableStore, request: GetEntry, entry: Any) -> Any:
    """A seq that another holder gave is taken for the commit's own."""
    return entry and Anything()


class Anything:
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@reads_instead(GetHead, StreamPromises.test_an_entry_that_is_there_stays_as_it_is)
def head_reused(store: BreakableStore, request: GetHead, head: int) -> int:
    """A seq that readers have seen is given to another entry."""
    return max(0, head - 1)


@reads_instead(GetStep, StepPromises.test_a_row_moves_forward_by_attempt_and_by_phase_only, RUNS)
def step_rolled_back(store: BreakableStore, request: GetStep, step: StepRecord | None) -> StepRecord | None:
    """A step that has begun is written over by whatever lands last."""
    return None if step is not None and step.status not in FINAL else step


@reads_instead(GetThreadEvent, ThreadEventPromises.test_an_event_that_is_added_again_is_the_same, THREADS)
def thread_event_twice(store: BreakableStore, request: GetThreadEvent, event: Any) -> None:
    """A thread's event that lands again is another one."""


@reads_instead(GetTurn, TurnPromises.test_a_turn_that_is_sent_again_changes_nothing, THREADS)
def turn_sent_twice(store: BreakableStore, request: GetTurn, turn: Any) -> None:
    """A turn that lands again is refused as the run of somebody else."""


@reads_instead(HasTombstone, DeletePromises.test_a_deleted_run_is_not_made_again_by_a_late_landing, RUNS)
def made_again(store: BreakableStore, request: HasTombstone, has: bool) -> bool:
    """What was deleted is made again by a landing that comes late."""
    return False if request.kind == "run" else has


@reads_instead(HasTombstone, WORKERS)
def worker_brought_back(store: BreakableStore, request: HasTombstone, has: bool) -> bool:
    """A registration that lands late brings a worker back, or takes the runs of its next incarnation."""
    return False if request.kind == "worker" else has

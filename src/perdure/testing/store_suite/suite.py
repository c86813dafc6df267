"""The suite, put together from its facets."""

from __future__ import annotations

from perdure.testing.store_suite.facets.callers import CallerPromises
from perdure.testing.store_suite.facets.cancelling import CancelChildrenPromises, CancelPromises
from perdure.testing.store_suite.facets.claims import ClaimPromises
from perdure.testing.store_suite.facets.cleanups import CleanupPromises
from perdure.testing.store_suite.facets.commits import CommitPromises
from perdure.testing.store_suite.facets.concurrency_keys import ConcurrencyKeyPromises
from perdure.testing.store_suite.facets.deleted_targets import DeletedTargetPromises
from perdure.testing.store_suite.facets.deleting import DeletePromises
from perdure.testing.store_suite.facets.deleting_threads import DeleteThreadPromises
from perdure.testing.store_suite.facets.events import EventPromises
from perdure.testing.store_suite.facets.fencing import FencingPromises
from perdure.testing.store_suite.facets.folding import FoldingPromises
from perdure.testing.store_suite.facets.forks import ForkPromises
from perdure.testing.store_suite.facets.groups import GroupPromises
from perdure.testing.store_suite.facets.landing_twice import LandingTwicePromises, LostAnswerPromises
from perdure.testing.store_suite.facets.leases import LeasePromises
from perdure.testing.store_suite.facets.listing import ListPromises
from perdure.testing.store_suite.facets.messages import AddMessagePromises, WriteMessagePromises
from perdure.testing.store_suite.facets.news import NewsPromises
from perdure.testing.store_suite.facets.parents import ParentPromises
from perdure.testing.store_suite.facets.poison import PoisonPromises
from perdure.testing.store_suite.facets.processes import ProcessPromises
from perdure.testing.store_suite.facets.questions import QuestionPromises
from perdure.testing.store_suite.facets.queues import QueuePromises
from perdure.testing.store_suite.facets.races import RacePromises
from perdure.testing.store_suite.facets.random_histories import RandomHistoryPromises
from perdure.testing.store_suite.facets.reopening import ReopeningPromises
from perdure.testing.store_suite.facets.restarting import RestartPromises
from perdure.testing.store_suite.facets.runs import FailPromises, RunPromises
from perdure.testing.store_suite.facets.steps import StepPromises
from perdure.testing.store_suite.facets.streams import LanePromises, StreamPromises
from perdure.testing.store_suite.facets.suspension import SuspensionPromises
from perdure.testing.store_suite.facets.suspicion import SuspicionPromises
from perdure.testing.store_suite.facets.takeovers import TakeoverPromises
from perdure.testing.store_suite.facets.tenants import TenantPromises
from perdure.testing.store_suite.facets.thread_events import ThreadEventPromises, ThreadStatusPromises
from perdure.testing.store_suite.facets.threads import ThreadPromises
from perdure.testing.store_suite.facets.transfer import TransferPromises
from perdure.testing.store_suite.facets.turn_ends import TurnEndPromises
from perdure.testing.store_suite.facets.turns import TurnPromises
from perdure.testing.store_suite.facets.values import ValuePromises
from perdure.testing.store_suite.facets.wake_ups import WakeUpPromises
from perdure.testing.store_suite.facets.watching import WatchPromises
from perdure.testing.store_suite.facets.workers import ThreadedRenewalPromises, WorkerPromises


class FacetSuite(
    WorkerPromises,
    ThreadedRenewalPromises,
    LeasePromises,
    TakeoverPromises,
    ClaimPromises,
    QueuePromises,
    SuspicionPromises,
    PoisonPromises,
    FencingPromises,
    LandingTwicePromises,
    LostAnswerPromises,
    DeletedTargetPromises,
    RandomHistoryPromises,
    RunPromises,
    FailPromises,
    RestartPromises,
    DeletePromises,
    ParentPromises,
    CancelPromises,
    CancelChildrenPromises,
    CleanupPromises,
    ConcurrencyKeyPromises,
    SuspensionPromises,
    WakeUpPromises,
    StepPromises,
    EventPromises,
    QuestionPromises,
    StreamPromises,
    LanePromises,
    FoldingPromises,
    ThreadPromises,
    TurnPromises,
    TurnEndPromises,
    ForkPromises,
    DeleteThreadPromises,
    ThreadStatusPromises,
    ThreadEventPromises,
    AddMessagePromises,
    WriteMessagePromises,
    TenantPromises,
    CommitPromises,
    CallerPromises,
    GroupPromises,
    RacePromises,
    ValuePromises,
    WatchPromises,
    NewsPromises,
    ListPromises,
    ReopeningPromises,
    TransferPromises,
):
    """Every promise that one process can try."""


class ProcessSuite(ProcessPromises):
    """Every promise that takes several processes."""


class StoreSuite(FacetSuite, ProcessSuite):
    """Every promise."""

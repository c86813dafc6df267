"""The suite, put together from its facets."""

from __future__ import annotations

from perdure.testing.store_suite.facets.callers import CallerPromises
from perdure.testing.store_suite.facets.cancelling import CancellingPromises
from perdure.testing.store_suite.facets.commits import CommitPromises
from perdure.testing.store_suite.facets.events import EventPromises
from perdure.testing.store_suite.facets.fencing import FencingPromises
from perdure.testing.store_suite.facets.folding import FoldingPromises
from perdure.testing.store_suite.facets.groups import GroupPromises
from perdure.testing.store_suite.facets.leases import LeasePromises
from perdure.testing.store_suite.facets.listing import ListPromises
from perdure.testing.store_suite.facets.messages import MessagePromises
from perdure.testing.store_suite.facets.news import NewsPromises
from perdure.testing.store_suite.facets.parents import ParentPromises
from perdure.testing.store_suite.facets.processes import ProcessPromises
from perdure.testing.store_suite.facets.questions import QuestionPromises
from perdure.testing.store_suite.facets.queues import QueuePromises
from perdure.testing.store_suite.facets.reopening import ReopeningPromises
from perdure.testing.store_suite.facets.runs import RunPromises
from perdure.testing.store_suite.facets.steps import StepPromises
from perdure.testing.store_suite.facets.streams import StreamPromises
from perdure.testing.store_suite.facets.suspension import SuspensionPromises
from perdure.testing.store_suite.facets.takeovers import TakeoverPromises
from perdure.testing.store_suite.facets.thread_events import ThreadEventPromises
from perdure.testing.store_suite.facets.threads import ThreadPromises
from perdure.testing.store_suite.facets.turns import TurnPromises
from perdure.testing.store_suite.facets.values import ValuePromises
from perdure.testing.store_suite.facets.watching import WatchPromises
from perdure.testing.store_suite.facets.workers import WorkerPromises


class FacetSuite(
    WorkerPromises,
    LeasePromises,
    TakeoverPromises,
    FencingPromises,
    RunPromises,
    ParentPromises,
    CancellingPromises,
    SuspensionPromises,
    StepPromises,
    EventPromises,
    QuestionPromises,
    StreamPromises,
    FoldingPromises,
    ThreadPromises,
    TurnPromises,
    ThreadEventPromises,
    MessagePromises,
    QueuePromises,
    CommitPromises,
    CallerPromises,
    GroupPromises,
    ValuePromises,
    WatchPromises,
    NewsPromises,
    ListPromises,
    ReopeningPromises,
):
    """Every promise that one process can try."""


class ProcessSuite(ProcessPromises):
    """Every promise that takes several processes."""


class StoreSuite(FacetSuite, ProcessSuite):
    """Every promise."""

"""The port: what a store promises, in words. One file a facet of reading, the same names in every back end.

What is written are the operations of `core.operations`, whose docstrings say what each one promises; `Store` says how
they land. Reads are methods of the facets; each is one query at one instant and holds nothing open. Every read names
the tenant whose rows it is about.
"""

from perdure.stores.port.events import EventReads
from perdure.stores.port.messages import MessageReads
from perdure.stores.port.questions import QuestionReads
from perdure.stores.port.queues import QueueReads
from perdure.stores.port.runs import RunReads
from perdure.stores.port.steps import StepReads
from perdure.stores.port.store import Abilities, Store, Watch
from perdure.stores.port.streams import StreamPage, StreamReads
from perdure.stores.port.tenants import EVERY_TENANT, EveryTenant
from perdure.stores.port.threads import ThreadReads
from perdure.stores.port.transfer import Transfer
from perdure.stores.port.workers import DeadWorker, WorkerReads

__all__ = [
    "EVERY_TENANT",
    "Abilities",
    "DeadWorker",
    "EventReads",
    "EveryTenant",
    "MessageReads",
    "QuestionReads",
    "QueueReads",
    "RunReads",
    "StepReads",
    "Store",
    "StreamPage",
    "StreamReads",
    "ThreadReads",
    "Transfer",
    "Watch",
    "WorkerReads",
]

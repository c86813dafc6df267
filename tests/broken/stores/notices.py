"""Stores whose watches miss news, or make it up."""

from perdure.core.records import Lease
from perdure.core.states import ENDED
from perdure.stores import topics
from perdure.stores.memory.state import State
from perdure.stores.notices import TopicWatch
from perdure.stores.port import CommitResult, Operation
from perdure.testing.store_suite.facets.news import NewsPromises
from perdure.testing.store_suite.facets.watching import WatchPromises
from tests.broken.registry import BreakableStore, caught_by


@caught_by(WatchPromises.test_news_between_the_look_and_the_wait_is_not_missed)
class NewsMissed(BreakableStore):
    """A watch hears only what comes while it waits."""

    def watch(self, *topics: str) -> TopicWatch:
        watch = super().watch(*topics)
        tell = watch.tell

        class Deaf(TopicWatch):
            async def wait(self) -> None:
                self._told = False
                await super().wait()

        deaf = Deaf()
        deaf.stops = [self.listen(topic, deaf.tell) for topic in topics]
        tell()
        return deaf


@caught_by(NewsPromises.test_a_run_that_is_made_and_ends_is_news)
class QuietStreams(BreakableStore):
    """The end of a run is no news of its stream: whoever follows it waits for ever."""

    def _apply(self, state: State, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        landed = super()._apply(state, operations, lease)
        state.news -= {topics.stream(run.run_id) for run in state.runs.values() if run.status in ENDED}
        return landed


@caught_by(NewsPromises.test_a_run_that_waits_and_wakes_is_news)
class QuietPlaces(BreakableStore):
    """A place that is free again is no news of its queue: the next run waits for ever."""

    def _apply(self, state: State, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        landed = super()._apply(state, operations, lease)
        state.news -= {topics.queue(run.queue) for run in state.runs.values() if run.due_at is None}
        return landed


@caught_by(WatchPromises.test_a_store_that_pushes_tells_nobody_of_what_was_refused)
class NewsOfNothing(BreakableStore):
    """What was refused is announced."""

    def _land(self, operations: tuple[Operation, ...], lease: Lease | None) -> CommitResult:
        try:
            return super()._land(operations, lease)
        except Exception:
            self._notices.publish_all()
            raise

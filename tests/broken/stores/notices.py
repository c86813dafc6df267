"""Stores whose watches miss news, or make it up."""

from typing import Any

from perdure.core import topics
from perdure.core.decisions import Decision, Draft
from perdure.core.states import ENDED
from perdure.stores.notices import TopicWatch
from perdure.testing.store_suite.facets.news import NewsPromises
from perdure.testing.store_suite.facets.watching import WatchPromises
from tests.broken.registry import BreakableStore, caught_by


@caught_by(WatchPromises.test_news_between_the_look_and_the_wait_is_not_missed)
class NewsMissed(BreakableStore):
    """A watch hears only what comes while it waits."""

    def watch(self, *topics: str) -> TopicWatch:
        class Unresponsive(TopicWatch):
            async def wait(self) -> None:
                self._told = False
                await super().wait()

        unresponsive = Unresponsive()
        unresponsive.stops = [self.listen(topic, unresponsive.tell) for topic in topics]
        return unresponsive


class Quiet(BreakableStore):
    """Does not tell of some topics."""

    def quiet(self) -> set[str]:
        """The topics that nobody is told of."""
        raise NotImplementedError

    def _write(self, draft: Draft) -> None:
        super()._write(draft)
        draft.topics -= self.quiet()


@caught_by(NewsPromises.test_a_run_that_is_made_and_ends_is_news)
class QuietStreams(Quiet):
    """The end of a run is no news of its stream: whoever follows it waits for ever."""

    def quiet(self) -> set[str]:
        return {topics.stream(run.tenant, run.run_id) for run in self.state.runs.values() if run.status in ENDED}


@caught_by(NewsPromises.test_a_run_that_waits_and_wakes_is_news)
class QuietPlaces(Quiet):
    """A place that is free again is no news of its queue: the next run waits for ever."""

    def quiet(self) -> set[str]:
        return {topics.queue(run.queue) for run in self.state.runs.values() if run.ready_at is None}


@caught_by(NewsPromises.test_a_concurrency_key_that_is_given_on_is_news_of_the_next_run)
class QuietKeys(Quiet):
    """A run that gets its concurrency key is no news of its queue."""

    def quiet(self) -> set[str]:
        return {topics.queue(run.queue) for run in self.state.runs.values() if run.has_key}


@caught_by(WatchPromises.test_topics_of_a_tenant_are_not_those_of_another)
class TopicsOfNoTenant(BreakableStore):
    """What happens to a tenant's run is news of every run of the same id."""

    def _write(self, draft: Draft) -> None:
        super()._write(draft)
        draft.topics |= {topics.run(None, run.run_id) for run in self.state.runs.values()}


@caught_by(WatchPromises.test_a_store_that_pushes_tells_nobody_of_what_was_refused)
class NewsOfNothing(BreakableStore):
    """What was refused is announced."""

    def _land(self, draft: Draft, decision: Decision[Any]) -> Any:
        try:
            return super()._land(draft, decision)
        except Exception:
            self._notices.publish_all()
            raise


@caught_by(WatchPromises.test_a_store_that_pushes_tells_nobody_else)
class NewsOfEverything(BreakableStore):
    """Whoever waits is told of everything."""

    def _land(self, draft: Draft, decision: Decision[Any]) -> Any:
        result = super()._land(draft, decision)
        self._notices.publish_all()
        return result

"""Reopening: what was committed is there, and goes on where it was."""

from __future__ import annotations

from perdure.core.records import Lease
from perdure.errors import LeaseLost
from perdure.stores.port import AddMessage
from perdure.testing.store_suite.base import Promises
from perdure.testing.store_suite.conversing import PARTS
from perdure.testing.store_suite.world import World


class ReopeningPromises(Promises):
    """A store that is closed and opened again."""

    async def test_everything_is_there_after_the_store_was_opened_again(self, world: World) -> None:
        world.needs("survives_kill")
        lease = await world.running()
        await world.thread()
        await world.do(world.turn("turn", "m"), AddMessage(world.message("n", place=1, parts=PARTS)))
        await world.do(world.step(), world.append("run", 1, 2), world.ask(), lease=lease)
        await world.do(world.emit(), world.thread_event(body={"a": 1}))
        before = await self._all(world)
        await world.reopen()
        assert await self._all(world) == before
        await world.reopen()
        assert await self._all(world) == before

    async def test_a_run_goes_on_where_it_was(self, world: World) -> None:
        world.needs("survives_kill")
        lease = await world.running("run", "ana")
        await world.do(world.step(), world.append("run", 1), lease=lease)
        await world.suspended("waiting", "ana", due_in=60)
        await world.reopen()
        again = await world.lease("run", "ana")
        assert again.token > lease.token
        await world.refused(LeaseLost, world.step(position="1"), lease=lease)
        await world.do(world.step(position="1"), world.append("run", 2), lease=again)
        world.advance(60)
        await world.worker("bob")
        [loaded] = await world.do(world.claim("bob"))
        assert loaded.run.run_id == "waiting"
        await world.do(world.finish("waiting"), lease=Lease("waiting", "bob", loaded.run.token))

    async def test_what_was_on_its_way_when_the_store_was_closed_is_there(self, world: World) -> None:
        world.needs("survives_kill")
        await world.run()
        commits = [world.store.commit(world.emit(key=str(number))) for number in range(20)]
        await world.reopen()
        assert len(await world.store.events.list("run")) == len([await commit for commit in commits])

    @staticmethod
    async def _all(world: World) -> tuple[object, ...]:
        threads, messages = world.store.threads, world.store.messages
        return (
            *(await world.everything()),
            await threads.list(),
            await threads.turns("thread"),
            await threads.events("thread"),
            await messages.list("thread"),
            await world.store.runs.load("run"),
        )

"""Random histories: whatever many people and workers do to a store, in any order, and what must hold after each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

import msgspec

from perdure.core import keys
from perdure.core.chunks import Chunk, chunk_entry
from perdure.core.messages import TextPart, ToolCallPart, write_version
from perdure.core.operations import AppendEntries, CommitResult, HolderOperation, OutsideOperation
from perdure.core.records import Lease, RunRecord
from perdure.core.states import ENDED
from perdure.core.threads import TurnRef
from perdure.core.values import Value
from perdure.errors import PerdureError
from perdure.testing.store_suite.harness import StoreHarness
from perdure.testing.store_suite.run_operations import DIVERGED, keys_of
from perdure.testing.store_suite.worker_operations import STALL_LIMIT

RUNS = 6
EVENTS = keys_of("abc")
WORKERS = ("ana", "bob")


class RandomHistory:
    """A history, act by act; a refusal is as good as an effect."""

    def __init__(self, harness: StoreHarness, seed: int) -> None:
        self.harness, self.random = harness, Random(seed)
        self.name = f"{seed}"
        self.leases: dict[str, Lease] = {}
        self.landed: list[Callable[[], Awaitable[object]]] = []
        self.did, self.was_refused = "", False
        self.effects = 0
        self._count = 0

    async def act(self) -> None:
        """Do something. A refusal changes nothing, which whoever calls sees."""
        acts = [self._of_holder] * 8 + [self._outside] * 6 + [self._of_worker] * 3 + [self._of_thread] * 2
        self.did, self.landed, self.was_refused = "nothing", [], False
        try:
            await self.random.choice(acts)()
        except PerdureError as refusal:
            self.did += f": {type(refusal).__name__}"
            self.was_refused = True

    async def land_again(self) -> bool:
        """Land the latest operation again; whether there is one."""
        if not self.landed:
            return False
        try:
            await self.landed[-1]()
        except PerdureError:
            return True
        return True

    async def runs(self) -> list[RunRecord]:
        """All runs."""
        return await self.harness.store.runs.list(tenant=None, limit=1000)

    async def _do(self, operation: OutsideOperation) -> Value:
        self.did, self.landed = f"{operation}", []
        result = await self.harness.store.execute(operation)
        self.effects += 1
        self.landed = [lambda: self.harness.store.execute(operation)]
        return result

    async def _commit(self, lease: Lease, *operations: HolderOperation) -> CommitResult:
        self.did, self.landed = f"{lease}: {operations}", []
        result = await self.harness.store.commit(lease, *operations)
        self.effects += 1
        self.landed = [lambda: self.harness.store.commit(lease, *operations)]
        return result

    def _new(self, what: str) -> str:
        self._count += 1
        return f"{what}-{self.name}-{self._count}"  # what was deleted is not made again: no history has another's ids

    async def _any_run(self) -> str:
        runs = await self.runs()
        return self.random.choice(runs).run_id if runs else "nobody"

    async def _outside(self) -> None:
        often = [self._create] * 3 + [self._emit] * 3
        await self.random.choice([*often, self._answer, self._sweep, *[self._of_somebody] * 4])()

    async def _create(self) -> None:
        if sum(one.status not in ENDED for one in await self.runs()) < RUNS:
            create = self.harness.create(
                self._new("run"),
                key=self.random.choice((None, "k", "l")),
                hold=self.random.choice(("until_end", "while_running")),
                parent_id=self.random.choice((None, await self._any_run())),
            )
            await self._do(create)

    async def _emit(self) -> None:
        run_id, key = await self._any_run(), self.random.choice(EVENTS)
        waiting = [run for run in await self.runs() if run.status == "suspended" and set(EVENTS) & set(run.waiting_for)]
        if waiting and self.random.random() < 0.7:
            run = self.random.choice(waiting)
            run_id, key = run.run_id, self.random.choice(sorted(set(EVENTS) & set(run.waiting_for)))
        await self._do(self.harness.emit(run_id, key, many=self.random.random() < 0.2))

    async def _answer(self) -> None:
        questions = await self.harness.store.questions.list(tenant=None)
        if questions:
            await self._do(self.harness.answer(self.random.choice(questions).question_id))

    async def _of_somebody(self) -> None:
        """What a person does to a run."""
        harness, run_id = self.harness, await self._any_run()
        run = await harness.store.runs.get(run_id, tenant=None)
        life = run.life if run else 0
        operations: tuple[OutsideOperation, ...] = (
            harness.cancel(run_id, within=self.random.choice((0, 5)), life=life),
            harness.fail(run_id),
            harness.restart(run_id, life=life + 1, reopen=("0", "1")),
            harness.delete(run_id),
        )
        await self._do(self.random.choice(operations))

    async def _sweep(self) -> None:
        """What anybody does who looks after the store."""
        for _, run_id in await self.harness.store.runs.cancelling_children():
            await self._do(self.harness.cancel_children(run_id, limit=self.random.choice((1, 100))))
        for _, run_id in await self.harness.store.runs.overdue():
            await self._do(self.harness.seal(run_id))

    async def _of_worker(self) -> None:
        harness, worker_id = self.harness, self.random.choice(WORKERS)
        act = self.random.choice(("claim",) * 6 + ("take", "register", "retire", "die", "advance"))
        if worker_id not in {worker.worker_id for worker in await harness.store.workers.list()}:
            act = "register"
        if act in {"claim", "take"}:
            operation = harness.claim(worker_id, limit=self.random.choice((1, 3)))
            claimed = await self._do(operation if act == "claim" else harness.take(await self._any_run(), worker_id))
            for one in claimed if act == "claim" else [claimed]:
                self.leases[one.run.run_id] = Lease(None, one.run.run_id, one.run.token)
        elif act == "register":
            await self._do(harness.register(worker_id, lease_for=1e6, stall_limit=1e6))
        elif act == "retire":
            await self._do(harness.retire(worker_id))
        elif act == "die":
            await self._do(harness.renew(worker_id, lease_for=0))
            await self._do(harness.take_over(worker_id))
        else:
            harness.advance(self.random.choice((1, 5, STALL_LIMIT)))

    async def _of_holder(self) -> None:
        if not self.leases:
            return
        harness, random = self.harness, self.random
        lease = random.choice(list(self.leases.values()))
        held = [run for run in await self.runs() if run.worker_id is not None]
        if held and random.random() < 0.9:
            run = random.choice(held)
            lease = self.leases[run.run_id] = Lease(None, run.run_id, run.token)
        news = await harness.store.runs.news(lease.run_id, tenant=None, after=0)
        if news is None:
            return
        came = {event.key for event in news.events}
        act = random.choice(("write", "write", "write", "suspend", "suspend", "finish", "release"))
        if act == "write":
            writes = [await self._writes(lease) for _ in range(random.randint(1, 3))]
            await self._commit(lease, *writes)
        elif act == "suspend":
            waits = [key for key in (*EVENTS, *await self._keys(lease.run_id)) if key not in came]
            awaited = random.sample(waits, min(len(waits), random.randint(0, 3)))
            parked = DIVERGED if not awaited and random.random() < 0.5 else None
            due_in = random.choice((None, 1.0))
            cleans_up = random.random() < 0.3
            suspend = harness.suspend(
                *awaited, inbox=news.inbox, due_in=None if parked else due_in, cleans_up=cleans_up, parked=parked
            )
            await self._commit(lease, suspend)
        elif act == "finish":
            await self._commit(lease, harness.finish(random.choice(("completed", "failed", "cancelled"))))
        else:
            await self._commit(lease, harness.release())

    async def _keys(self, run_id: str) -> list[str]:
        """The keys of what a run may wait for: its children's ends, and answers."""
        children = await self.harness.store.runs.list(tenant=None, parent_id=run_id)
        questions = await self.harness.store.questions.list(tenant=None, run_id=run_id)
        of_children = [keys.child(child.run_id, child.life) for child in children if child.status not in ENDED]
        return of_children + [keys.question(question.question_id) for question in questions]

    async def _writes(self, lease: Lease) -> HolderOperation:
        """Something that a holder writes."""
        harness, random, run_id = self.harness, self.random, lease.run_id
        run = await harness.store.runs.get(run_id, tenant=None)
        head = (await harness.store.streams.read(run_id, tenant=None)).head
        act = random.choice(("step", "append", "append", "ask", "ask", "create", "cleanups", "emit", "parts", "parts"))
        if act == "step":
            status = random.choice(("running", "completed", "failed", "in_doubt"))
            seen = run.inbox if run is not None else 0
            return harness.step(random.choice("012"), status, inbox=random.choice((None, seen, max(0, seen - 1))))
        if act == "append":
            lane = random.choice(("1", "2"))
            chunk = Chunk(kind="text", text="x", part=2 if lane == "1" else 3, step=int(lane))
            return AppendEntries((chunk_entry(chunk, lane, head + 1, head + 1),))
        if act == "ask":
            return harness.ask(self._new("why"), run_id=run_id)
        if act == "create":
            return harness.create(self._new("run"), parent_id=run_id, key=random.choice((None, "k")))
        if act == "cleanups":
            return harness.note_cleanups()
        if act == "parts" and run is not None and run.reply_id is not None:
            parts = (TextPart(text="a"), ToolCallPart(call_id=self._new("call"), tool="t"))
            version = write_version(lease.token, harness.next_number())
            return harness.put_parts(run.reply_id, 0, *parts, version=version)
        return harness.emit(await self._any_run(), random.choice(EVENTS))

    async def _of_thread(self) -> None:
        harness, random = self.harness, self.random
        threads = await harness.store.threads.list(tenant=None)
        act = random.choice(("create", "turn", "turn", "turn", "fork", "delete"))
        if act == "create" or not threads:
            if len(threads) < 3:
                await self._do(harness.create_thread(self._new("thread")))
            return
        thread = random.choice(threads)
        if act == "turn":
            turn = harness.turn_with_reply(self._new("turn"), thread.thread_id, key=random.choice((None, "k")))
            after = random.choice((None, random.randint(0, thread.head)))
            await self._do(msgspec.structs.replace(turn, after=after))
        elif act == "fork" and thread.head and len(threads) < 4:
            root = TurnRef(thread.thread_id, random.randint(1, thread.head))
            await self._do(harness.create_thread(self._new("fork"), root=root))
        elif act == "delete" and random.random() < 0.5:
            await self._do(harness.delete_thread(thread.thread_id))

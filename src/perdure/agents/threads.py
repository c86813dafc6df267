"""The door to threads: `app.threads`."""

from __future__ import annotations

from perdure.agents.agent import Agent
from perdure.agents.thread import FindWorkflow, Thread
from perdure.core.given import given_number, given_record, given_text, in_words
from perdure.core.ids import check_id, new_id
from perdure.core.operations import CreateThread, DeleteThread
from perdure.core.threads import ThreadRecord
from perdure.core.values import Value
from perdure.errors import InputError, ThreadMismatch
from perdure.runs.access import Access


class Threads:
    """Makes, finds, lists and deletes threads."""

    def __init__(self, access: Access, workflow_of: FindWorkflow) -> None:
        self._access = access
        self._store = access.store
        self._workflow_of = workflow_of

    async def create(
        self,
        agent: Agent | str,
        *,
        thread_id: str | None = None,
        owner: str | None = None,
        title: str | None = None,
        metadata: dict[str, Value] | None = None,
        settings: dict[str, Value] | None = None,
    ) -> Thread:
        """Make a thread for an agent; the same `thread_id` again gives the thread that is there.

        Raises: NameUnknown for an agent that this process does not know; ThreadMismatch where the id belongs to
        another agent's thread; InputError (IdInvalid, NotStorable, TooLarge) that names the argument.
        """
        if not isinstance(agent, str | Agent):  # pyright: ignore[reportUnnecessaryIsInstance] - users
            raise InputError("agent", f"an Agent or its name, not {in_words(agent)}")
        name = agent if isinstance(agent, str) else agent.name
        self._workflow_of(name)
        record = ThreadRecord(
            thread_id=check_id("thread_id", thread_id) if thread_id is not None else new_id("thread"),
            tenant=self._access.tenant,
            agent=name,
            owner=None if owner is None else given_text("owner", owner),
            title=None if title is None else given_text("title", title),
            metadata=given_record("metadata", metadata),
            settings=given_record("settings", settings),
            created_at=self._access.clock.now(),
        )
        await self._access.check("thread.create", record.thread_id)
        made: ThreadRecord = await self._store.execute(CreateThread(thread=record))
        if made.agent != name:
            raise ThreadMismatch(record.thread_id, made.agent, name)
        return self.thread(record.thread_id)

    def thread(self, thread_id: str) -> Thread:
        """The handle of a thread by its id; cheap, asks nothing."""
        return Thread(self._access, self._workflow_of, thread_id)

    async def get(self, thread_id: str) -> Thread:
        """The handle of a thread that is there. Raises: ThreadNotFound."""
        thread = self.thread(thread_id)
        await thread.record()
        return thread

    async def list(self, *, owner: str | None = None, agent: str | None = None, limit: int = 100) -> list[ThreadRecord]:
        """Threads, the newest first; of one owner or one agent where given."""
        for field, name in (("owner", owner), ("agent", agent)):
            if name is not None:
                given_text(field, name)
        given_number("limit", limit)
        await self._access.check("thread.list", owner or "")
        return await self._store.threads.list(tenant=self._access.tenant, owner=owner, agent=agent, limit=limit)

    async def delete(self, thread_id: str) -> None:
        """Delete a thread with its messages, turns, runs and events; what runs of it is cut off.

        Raises: ThreadNotFound.
        """
        check_id("thread_id", thread_id)
        await self._access.check("thread.delete", thread_id)
        delete = DeleteThread(tenant=self._access.tenant, thread_id=thread_id, at=self._access.clock.now())
        while await self._store.execute(delete):
            pass  # the rest of its runs has a commit of its own

"""What a demo came to, counted from what it left: the ledger, the outbox, the received log, and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from perdure.demo.counting import Tally, differences, reruns
from perdure.demo.killing import Landing
from perdure.demo.leaving import left_behind
from perdure.demo.ledger import ledger_at
from perdure.demo.outbox import Outbox
from perdure.demo.received import folded, received_at

if TYPE_CHECKING:
    from perdure.agents import Turn
    from perdure.app.client import Client
    from perdure.demo.settings import Settings


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers, and what a person wants to know beside them."""

    tally: Tally
    landings: list[Landing]
    executions: int
    steps: int
    connections: int
    readers: int
    last_seq: int
    run_id: str


async def recount(
    client: Client, turn: Turn, settings: Settings, landings: list[Landing], *, readers: int, elapsed: float
) -> Counted:
    """Count; the turn has ended, and so has whoever wrote."""
    thread = client.thread(turn.thread_id)
    steps = await client.run(turn.run_id).steps()
    replies = [message for message in await thread.messages() if message.role == "assistant"]
    ledger, received = ledger_at(settings.ledger).read(), received_at(settings.received).read()
    gaps, duplicates = differences(folded(received), await turn.message())
    tally = Tally(
        kills=len(landings),
        turn_status=(await thread.record()).status,
        reports_sent=len(Outbox(settings.outbox).read()),
        committed_steps_rerun=len(reruns(steps, ledger)),
        stream_gaps=gaps,
        stream_duplicates=duplicates,
        messages=len(replies),
        elapsed_s=round(elapsed, 2),
    )
    return Counted(
        tally=tally,
        landings=landings,
        executions=sum(line.what == "start" for line in ledger),
        steps=len(steps),
        connections=max((line.connection for line in received), default=0),
        readers=readers,
        last_seq=(await left_behind(client.store, turn.run_id)).head,
        run_id=turn.run_id,
    )

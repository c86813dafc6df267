"""Which function applies which operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from perdure.core.values import Value
from perdure.stores import port
from perdure.stores.memory import events, leases, messages, questions, queues, runs, steps, streams, threads, workers
from perdure.stores.memory.state import State

Applier: TypeAlias = Callable[[State, Value], object]

APPLIERS: dict[type, Applier] = {
    port.CreateRun: runs.create_run,
    port.SuspendRun: runs.suspend_run,
    port.ReleaseRun: runs.release_run,
    port.FinishRun: runs.finish_run,
    port.CancelRun: runs.cancel_run,
    port.SealRun: runs.seal_run,
    port.RestartRun: runs.restart_run,
    port.DeleteRun: runs.delete_run,
    port.TakeRun: leases.take_run,
    port.TakeOver: leases.take_over,
    port.RegisterWorker: workers.register_worker,
    port.RenewWorker: workers.renew_worker,
    port.RetireWorker: workers.retire_worker,
    port.PutStep: steps.put_step,
    port.Emit: events.emit,
    port.Ask: questions.ask,
    port.Answer: questions.answer,
    port.Claim: queues.claim,
    port.AppendEntries: streams.append_entries,
    port.CompactEntries: streams.compact_entries,
    port.CreateThread: threads.create_thread,
    port.UpdateThread: threads.update_thread,
    port.DeleteThread: threads.delete_thread,
    port.StartTurn: threads.start_turn,
    port.AddThreadEvent: threads.append_thread_event,
    port.AddMessage: messages.add_message,
    port.PutParts: messages.put_parts,
    port.SetMessage: messages.set_message,
}

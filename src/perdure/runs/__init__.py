"""Runs made of durable steps: what executes them, what user code holds, who may.

May import `streams`, `stores`, `core` and `errors`; never names a model, a tool or a thread. Read next: `attempt`
(one attempt, and how it suspends), then `steps` and `waits` (what it is made of), then `worker`.
"""

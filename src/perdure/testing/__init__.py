"""For tests, shipped: a clock that stands still, a model that says what a test writes, a store with faults.

`store_suite` is what every store must pass, whoever wrote it. May import every package but `cli`; nothing shipped
imports it. Read next: `clock`, `scripted`, `faulty`, `store_suite`.
"""

from perdure.testing.clock import FakeClock
from perdure.testing.faulty import FaultyStore
from perdure.testing.scripted import ScriptedModel

__all__ = ["FakeClock", "FaultyStore", "ScriptedModel"]

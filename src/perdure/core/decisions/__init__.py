"""What operations mean, decided without I/O: records in, changes out. No policy stands in a store.

A decision is a generator. It yields the reads that it needs (`reads`), one after the other, gets a record (or None,
or a list) for each, and puts what is to be written into a `Draft`. A store drives it: it answers the reads from its
rows and writes the draft, within one transaction; or, where a database has none, as a batch that is conditional on
what was read. A refusal is an exception, and then nothing is written.

`outside` and `holder` are the two shapes of commit. Read next: `transitions`, on which most decisions stand.
"""

from perdure.core.decisions.deciding import decide_holder, decide_outside
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.loading import load

__all__ = ["Decision", "Draft", "decide_holder", "decide_outside", "load"]

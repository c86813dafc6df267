"""Values and decisions: records, state tables, rules and hashes. No I/O, no await.

May import `errors`. Read next: `states` (what may follow what), then the records it speaks of.
"""

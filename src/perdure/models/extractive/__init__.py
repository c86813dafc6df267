"""The embedded model: no key, no network, the same words for the same request. It searches, reads and quotes.

May import `protocol`, `core` and `errors`. Read next: `policy` (what it does in which round), then `ranking`.
"""

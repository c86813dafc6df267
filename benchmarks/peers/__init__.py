"""perdure beside its peers, on the same work, in one run: see compare.py.

Nothing in this package imports perdure or a peer, but for the programs in systems/: each is run in the environment of
its system.
"""

"""`perdure demo`: an agent is killed while it works, and finishes as if nothing had happened.

A conductor (this process) starts a worker and a reader, each in a process of its own, kills them, and counts.
Read next: `conductor` (the course), `killing` (when to kill, and where it landed), `counting` (what, and from what).
"""

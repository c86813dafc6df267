"""What `perdure demo` does: an agent is killed while it works, and finishes as if nothing had happened.

A conductor (the command's process) starts a worker and a reader, each in a process of its own, kills them, and counts.
May import the app and what is below it; draws nothing. Read next: `conductor` (the course), `killing` (when to kill,
and where it landed), `counting` (what, and from what).
"""

"""`perdure chat`: a conversation in the terminal. Read next: `command`, then `session`."""

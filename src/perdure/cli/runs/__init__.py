"""`perdure runs`: one file a command; `timeline` draws a run's steps."""

"""`perdure threads`: one file a command."""

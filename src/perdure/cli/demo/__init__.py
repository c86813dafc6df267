"""`perdure demo`: the command, and how the demo is drawn. Read next: `perdure.demo`, what it does."""

"""The work that systems are compared on: A is one workflow of many steps, B is many workflows of a few."""

A_STEPS = 1_000
B_RUNS = 500
B_STEPS = 5

"""The adapter on pydantic-ai: any provider that it knows, and any server that speaks OpenAI's chat completions.

May import `protocol`, `classify`, `core`, `errors` and pydantic-ai, which is why nothing imports this at start.
Read next: `model`.
"""

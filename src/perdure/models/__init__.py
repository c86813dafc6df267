"""The seam to language models: a small protocol, and its adapters, loaded on first use.

May import `streams`, `core` and `errors`, never a store. Read next: `protocol`.
"""

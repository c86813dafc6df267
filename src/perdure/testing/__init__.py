"""For tests, shipped: the store suite, which every store must pass, a stranger's too.

May import every room but `cli`; nothing shipped imports it. Read next: `store_suite`.
"""

"""Rows of another store, as they are."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.core.decisions.changes import Change
from perdure.core.decisions.draft import Decision, Draft
from perdure.core.decisions.reads import IsEmpty
from perdure.errors import StoreNotEmpty


def load(draft: Draft, url: str, rows: Sequence[Change]) -> Decision[None]:
    """Write all of them. Shape: `url` is the store's. Raises: StoreNotEmpty, so that no two stores are ever mixed."""
    if not (yield IsEmpty()):
        raise StoreNotEmpty(url)
    for row in rows:
        draft.add(row)

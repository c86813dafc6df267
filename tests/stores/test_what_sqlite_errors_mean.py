"""What SQLite raises, as a store's error: which kind, and whether a write may have landed all the same."""

from __future__ import annotations

import apsw
import pytest

from perdure.errors import StoreError, StoreInvalid, StoreUnavailable
from perdure.stores.sqlite.connection import translate


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (apsw.NotADBError("file is not a database"), StoreInvalid, "not a usable database"),
        (apsw.CorruptError("database disk image is malformed"), StoreInvalid, "not a usable database"),
        (apsw.FullError("database or disk is full"), StoreUnavailable, "the disk is full"),
        (apsw.ReadOnlyError("attempt to write a readonly database"), StoreUnavailable, "can't be written"),
        (apsw.CantOpenError("unable to open database file"), StoreUnavailable, "can't be written"),
        (apsw.BusyError("database is locked"), StoreUnavailable, "another program held its lock"),
        (apsw.IOError("disk I/O error"), StoreUnavailable, "disk I/O error"),
    ],
)
def test_each_has_a_kind_and_a_text(error: apsw.Error, kind: type[StoreError], says: str) -> None:
    meaning = translate(error, "x.db")
    assert type(meaning) is kind
    assert says in str(meaning)


@pytest.mark.parametrize("unknown", [False, True])
def test_each_says_whether_a_write_may_have_landed(*, unknown: bool) -> None:
    for error in (apsw.IOError("disk I/O error"), apsw.FullError("full"), apsw.BusyError("locked")):
        meaning = translate(error, "x.db", unknown=unknown)
        assert isinstance(meaning, StoreUnavailable)
        assert meaning.unknown is unknown
        assert ("not known" in str(meaning)) is unknown

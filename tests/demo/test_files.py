"""The files of a demo survive what the demo does to its processes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import msgspec
import pytest

from perdure.demo.folder import Folder
from perdure.demo.journal import Journal
from perdure.demo.outbox import Outbox


class Line(msgspec.Struct, frozen=True):
    number: int


def test_lines_come_back_in_order_and_only_once_over_a_tail(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "lines", Line)
    assert journal.tail(0) == ([], 0)
    journal.append(Line(1))
    first, after = journal.tail(0)
    journal.append(Line(2))
    assert (first, journal.tail(after)[0], journal.read()) == ([Line(1)], [Line(2)], [Line(1), Line(2)])


def test_a_torn_last_line_counts_as_nothing_and_spoils_no_later_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "lines", Line)
    journal.append(Line(1))
    with journal.path.open("ab") as file:
        file.write(b'{"numb')
    assert journal.read() == [Line(1)]
    journal.append(Line(2))
    assert journal.read() == [Line(1), Line(2)]


def test_a_tail_does_not_pass_over_a_line_that_is_still_being_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "lines", Line)
    with journal.path.open("ab") as file:
        file.write(b'{"number":')
    lines, after = journal.tail(0)
    with journal.path.open("ab") as file:
        file.write(b"7}\n")
    assert (lines, journal.tail(after)[0]) == ([], [Line(7)])


def send(path: Path, key: str) -> bool:
    return Outbox(path).send(key, "a report")


def test_a_key_that_was_seen_is_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    assert [outbox.send("one", "first"), outbox.send("one", "again"), outbox.send("two", "first")] == [
        True,
        False,
        True,
    ]
    assert [(report.key, report.text) for report in outbox.read()] == [("one", "first"), ("two", "first")]


def test_a_report_that_a_kill_tore_was_not_sent(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    (tmp_path / "outbox").write_bytes(b'{"key":"one","text":"fir')
    assert outbox.send("one", "first")
    assert [report.text for report in outbox.read()] == ["first"]


@pytest.mark.slow
def test_of_many_processes_with_one_key_exactly_one_sends(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        sent = pool.starmap(send, [(tmp_path / "outbox", "one")] * 16)
    assert (sum(sent), len(Outbox(tmp_path / "outbox").read())) == (1, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "inside" / "deep").mkdir(parents=True)
    (tmp_path / "inside" / "deep" / "b.txt").write_text("one\nTwo\nthree\n")
    (tmp_path / "inside" / "a.py").write_text("two = 2\n")
    (tmp_path / "inside" / "picture").write_bytes(b"\0two")
    (tmp_path / "inside" / ".hidden").mkdir()
    (tmp_path / "inside" / ".hidden" / "c.txt").write_text("two")
    (tmp_path / "outside.txt").write_text("two")
    return Folder(tmp_path / "inside")


def test_a_folder_lists_its_text_files_and_searches_them_in_any_case(folder: Folder) -> None:
    assert folder.list().splitlines() == ["a.py", "deep/b.txt"]
    assert folder.search("two").splitlines() == ["a.py:1: two = 2", "deep/b.txt:2: Two"]
    assert folder.search("four") == "nothing found"


def test_a_file_is_read_with_its_line_numbers_from_a_line_to_a_line(folder: Folder) -> None:
    assert folder.read("deep/b.txt", 2, 3) == "2: Two\n3: three"
    assert folder.read("deep/b.txt", -5, 1) == "1: one"


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "nowhere", "deep"])
def test_nothing_outside_of_the_folder_is_read(folder: Folder, name: str) -> None:
    with pytest.raises(ValueError, match="there is no file"):
        folder.read(name, 1, 1)

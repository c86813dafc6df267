"""The documents that the demo asks about: they answer its question, and do not repeat it."""

from __future__ import annotations

from pathlib import Path

import perdure.demo
from perdure.cli.demo.command import QUESTION
from perdure.demo.folder import Folder

DOCUMENTS = Path(perdure.demo.__file__).parent / "documents"


def test_the_documents_answer_the_question_and_do_not_hold_it() -> None:
    folder = Folder(DOCUMENTS)
    texts = [(DOCUMENTS / name).read_text() for name in folder.list().splitlines()]
    assert len(texts) > 1
    assert not [text for text in texts if QUESTION.lower().rstrip("?") in " ".join(text.lower().split())]
    assert "writing.md" in folder.search("stale worker")

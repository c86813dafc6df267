"""What a demo counts, and from what: the ledger, the outbox, what the reader received, and the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

import msgspec

from perdure.core.chunks import DELTA_KINDS
from perdure.core.fold import Fold
from perdure.core.messages import Message, part_text
from perdure.core.records import StepRecord
from perdure.core.states import FINAL
from perdure.demo.ledger import Execution

_WORD = re.compile(r"\S+\s*|\s+")


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers; the last line of `--json`. Units: `elapsed_s` in seconds, gaps and duplicates in words."""

    kills: int
    turn_status: str
    reports_sent: int
    committed_steps_rerun: int
    stream_gaps: int
    stream_duplicates: int
    messages: int
    elapsed_s: float

    def is_right(self, kills: int) -> bool:
        """Whether nothing was lost and nothing happened twice, under as many kills as were asked for."""
        once = self.reports_sent == self.messages == 1
        nothing = self.committed_steps_rerun == self.stream_gaps == self.stream_duplicates == 0
        return once and nothing and self.turn_status == "completed" and self.kills >= kills


def reruns(steps: Iterable[StepRecord], ledger: Sequence[Execution]) -> list[Execution]:
    """The executions that began under a greater token than the one that committed their step.

    What committed a step is its last execution that ended before the step did: an end stands in the ledger before the
    commit that follows it, in one process, by one clock.
    """
    found = list[Execution]()
    for step in steps:
        if step.status not in FINAL or step.completed_at is None:
            continue
        own = [line for line in ledger if line.position == step.position]
        ends = [line for line in own if line.what == "end" and line.at <= step.completed_at]
        if ends:
            found += [line for line in own if line.what == "start" and line.token > ends[-1].token]
    return found


def differences(held: Fold, message: Message) -> tuple[int, int]:
    """How many words of the message a reader lacks, and how many it has that are not there; gaps in seqs count too."""
    has = _words(_texts(held))
    wants = _words([part_text(part) or "" for part in message.parts])
    changes = SequenceMatcher(None, wants, has, autojunk=False).get_opcodes()
    lacking = sum(end - start for kind, start, end, _, _ in changes if kind != "equal")
    beyond = sum(end - start for kind, _, _, start, end in changes if kind != "equal")
    return lacking + held.gaps, beyond


def _texts(held: Fold) -> list[str]:
    texts: dict[int, str] = {}
    for chunk in held.chunks:
        if chunk.kind in DELTA_KINDS and chunk.part is not None:
            texts[chunk.part] = texts.get(chunk.part, "") + chunk.text
    return [text for _, text in sorted(texts.items())]


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in _WORD.findall(text)]

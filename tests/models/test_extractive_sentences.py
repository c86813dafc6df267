"""What is quoted is whole: half a sentence may say the opposite."""

import msgspec
import pytest

from perdure.core.messages import Part
from perdure.models.extractive.model import ExtractiveModel
from perdure.models.extractive.passages import Line
from perdure.models.extractive.sentences import is_wrapped, joined, span, split_sentences
from perdure.models.protocol import ModelRequest, ToolSpec
from tests.models.conversation import assistant, done, reply_of, tool, user

SEARCH = tool("search_notes", "Search the notes.", query="string")
READ = tool("read_file", "", path="string")

HANDBOOK = """\
# Handbook

Refunds are paid within thirty days of the purchase, but a refund is not
paid for orders that were made with a voucher, whatever their
amount is. Shipping is free.

The office in Oslo is open from nine to five. It is closed on public
holidays and between Christmas and New Year.
"""
CODE = """\
LIMIT = 5  # of attempts

# A parcel that was lost at sea is never
# refunded to its sender.
def refund(parcel): ...
"""


async def quoted(question: str, path: str, text: str, *tools: ToolSpec) -> str:
    """The last words over one file that a search finds in lines and a read gives whole."""
    parts: list[Part] = []
    for step in range(6):
        history = (user(question), assistant(*parts)) if parts else (user(question),)
        reply = await reply_of(ExtractiveModel(), ModelRequest(messages=history, tools=tools, step=step))
        if reply.finish_reason == "stop":
            return getattr(reply.parts[0], "text", "")
        for part in reply.parts:
            arguments = msgspec.json.decode(getattr(part, "arguments", ""))
            found = [
                f"{path}:{n}: {line}"
                for n, line in enumerate(text.splitlines(), 1)
                if arguments.get("query", "\0").lower() in line.lower()
            ]
            parts.append(done(part, text if "path" in arguments else "\n".join(found)))
    raise AssertionError("no end")


@pytest.mark.parametrize("tools", [(SEARCH, READ)])
async def test_a_sentence_over_several_lines_is_quoted_whole(tools: tuple[ToolSpec, ...]) -> None:
    said = await quoted("Are refunds paid for orders made with a voucher?", "handbook.md", HANDBOOK, *tools)
    assert "a refund is not\npaid for orders" in said
    assert "amount is." in said
    assert "Shipping" not in said


async def test_a_sentence_that_ends_on_the_next_line_is_quoted_to_its_end() -> None:
    said = await quoted("When is the office closed?", "handbook.md", HANDBOOK, SEARCH, READ)
    assert "It is closed on public\nholidays and between Christmas and New Year." in said


async def test_a_wrapped_comment_is_quoted_whole() -> None:
    said = await quoted("Is a parcel lost at sea refunded to its sender?", "refunds.py", CODE, SEARCH, READ)
    assert "never\n# refunded to its sender." in said


async def test_a_wrapped_text_of_no_file_is_quoted_in_whole_sentences() -> None:
    wrapped = "\n".join(HANDBOOK.splitlines()[2:5])
    question = user("Are refunds paid for orders made with a voucher?")
    request = ModelRequest(messages=(question,), tools=(SEARCH,))
    first = await reply_of(ExtractiveModel(), request)
    history = (question, assistant(*(done(part, wrapped) for part in first.parts)))
    said = (await reply_of(ExtractiveModel(), msgspec.structs.replace(request, messages=history, step=4))).parts[0]
    assert "but a refund is not paid for orders that were made with a voucher" in getattr(said, "text", "")


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        ("a refund is not", "paid for orders", True),
        ("The office is closed on every day of the week in", "Oslo.", True),
        ("It ends here.", "and goes on", False),
        ("It ends here:", "and goes on", False),
        ("", "text", False),
        ("text", "", False),
        ("one item of a list that is long enough to be", "- another", False),
        ("| a | row of a table that is long enough to be |", "| b |", False),
        ("2026-01-01 something happened at some place today", "2026-01-02 something", False),
        ("Short", "Title", False),
        ("# a comment that goes on", "# in the next line", True),
    ],
)
def test_a_line_goes_on_where_its_sentence_does(line: str, after: str, *, expected: bool) -> None:
    assert is_wrapped(line, after) is expected


def test_a_span_has_its_bounds() -> None:
    lines = dict(enumerate(["goes on"] * 50, 1))
    assert span(lines, 25, 12) == (13, 37)
    assert span({7: "alone"}, 7, 12) == (7, 7)


def test_sentences_end_where_the_next_one_begins() -> None:
    text = 'See Dr. Lund, e.g. on Monday. "It is 3.5 km." Is it? Yes.'
    assert [text[begin:end].strip() for begin, end in split_sentences(text)] == [
        "See Dr. Lund, e.g. on Monday.",
        '"It is 3.5 km."',
        "Is it?",
        "Yes.",
    ]


def test_lines_of_different_texts_are_not_one_sentence() -> None:
    lines = [Line(None, None, "one goes on"), Line(None, None, ""), Line(None, None, "two goes on")]
    assert [line.text for line in joined(lines)] == ["one goes on", "", "two goes on"]

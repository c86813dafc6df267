import json
import subprocess
import sys
from collections.abc import Callable

import msgspec
import pytest

from perdure.core.clock import SystemClock, Timer
from perdure.core.messages import TextPart, ToolCallPart
from perdure.errors import SettingInvalid
from perdure.models.extractive.answer import HONEST
from perdure.models.extractive.model import ExtractiveModel
from perdure.models.protocol import ModelReply, ModelRequest, ToolSpec
from tests.models.conversation import ask, assistant, done, failed, reply_of, told, tool, user
from tests.models.folder import TOOLS, Folder, answer

WEATHER = tool("get_weather", "Current weather for a city.", city="string")
REPORT = tool("send_report", "Send a report to the outbox.", text="string")
REFUND = tool("refund", "Refund an order.", order="string", amount="number")


def asked(text: str, *tools: ToolSpec, instructions: str = "") -> ModelRequest:
    return ModelRequest(messages=(user(text),), tools=tools, instructions=instructions)


def after(request: ModelRequest, *parts: ToolCallPart) -> ModelRequest:
    """The next step of a turn in which these calls have ended."""
    messages = (request.messages[0], assistant(*parts))
    return msgspec.structs.replace(request, messages=messages, step=parts[-1].step + 1)


def calls(reply: ModelReply) -> list[tuple[str, dict[str, object]]]:
    return [(part.tool, json.loads(part.arguments)) for part in reply.parts if isinstance(part, ToolCallPart)]


def words(reply: ModelReply) -> str:
    (part,) = reply.parts
    assert isinstance(part, TextPart)
    return part.text


async def test_the_readme_s_question_gets_the_tool_s_own_words() -> None:
    request = asked("Weather in Oslo?", WEATHER)
    first = await reply_of(ExtractiveModel(), request)
    assert calls(first) == [("get_weather", {"city": "Oslo"})]
    assert first.finish_reason == "tool_calls"
    last = await reply_of(ExtractiveModel(), after(request, done(first.parts[0], "14 °C and rain in Oslo")))
    assert words(last) == "14 °C and rain in Oslo"
    assert last.finish_reason == "stop"


async def test_several_things_are_asked_at_once() -> None:
    request = asked("Weather in Oslo, Bergen and San Francisco?", WEATHER)
    first = await reply_of(ExtractiveModel(), request)
    assert [arguments["city"] for _, arguments in calls(first)] == ["Oslo", "Bergen", "San Francisco"]
    assert len({part.call_id for part in first.parts if isinstance(part, ToolCallPart)}) == 3
    results = [done(part, f"rain {n}") for n, part in enumerate(first.parts)]
    assert words(await reply_of(ExtractiveModel(), after(request, *results))) == "rain 0\nrain 1\nrain 2"


@pytest.mark.parametrize(
    ("question", "cities"),
    [
        ("Weather in Oslo and in Bergen?", ["Oslo", "Bergen"]),
        ("What's the weather in Oslo and the weather in Bergen?", ["Oslo", "Bergen"]),
        ("Weather for Oslo, for Bergen and for Rome", ["Oslo", "Bergen", "Rome"]),
        ("Weather in Oslo? And in Bergen?", ["Oslo", "Bergen"]),
        ("weather in oslo and bergen?", ["oslo", "bergen"]),
        ("weather in oslo and in new york?", ["oslo", "new york"]),
        ("Weather in Oslo on Monday", ["Oslo"]),
        ("Weather on Monday in Oslo and in Rome", ["Oslo", "Rome"]),
        ("Weather in Oslo, again in Oslo", ["Oslo"]),
    ],
)
async def test_each_of_several_things_is_asked_for_however_it_is_said(question: str, cities: list[str]) -> None:
    found = calls(await reply_of(ExtractiveModel(), asked(question, WEATHER)))
    assert found == [("get_weather", {"city": city}) for city in cities]


SEARCH = tool("search_notes", "Search the notes.", query="string")


@pytest.mark.parametrize(
    "said",
    [
        "Thanks!",
        "Thanks, that was great!",
        "thank you so much for the help with Oslo",
        "Great, thanks a lot. That helped.",
        "Good morning!",
        "ok, cool",
        "Bye, see you later",
        "Perfect.",
    ],
)
async def test_small_talk_asks_no_tool_and_sends_no_report(said: str) -> None:
    always = "Always send_report what you found."
    reply = await reply_of(ExtractiveModel(), asked(said, WEATHER, SEARCH, REPORT, instructions=always))
    assert calls(reply) == []
    assert words(reply).startswith("You are welcome." if "hank" in said else HONEST)


@pytest.mark.parametrize("said", ["Thanks. Weather in Oslo?", "Thanks for waiting, what's the weather in Oslo"])
async def test_a_question_after_thanks_is_answered(said: str) -> None:
    assert calls(await reply_of(ExtractiveModel(), asked(said, WEATHER))) == [("get_weather", {"city": "Oslo"})]


async def test_a_question_without_a_name_goes_on_with_the_tool_before() -> None:
    before = assistant(ToolCallPart(call_id="c", tool="get_weather", state="completed", output="rain"))
    messages = (user("Weather in Oslo?"), before, user("And in Bergen?", turn=2))
    request = ModelRequest(messages=messages, tools=(WEATHER,))
    assert calls(await reply_of(ExtractiveModel(), request)) == [("get_weather", {"city": "Bergen"})]


async def test_a_tool_that_failed_is_quoted() -> None:
    request = asked("Weather in Oslo?", WEATHER)
    first = await reply_of(ExtractiveModel(), request)
    last = await reply_of(ExtractiveModel(), after(request, failed(first.parts[0], "no such city")))
    assert words(last) == "get_weather(city='Oslo'): no such city"


async def test_what_a_tool_lacks_is_said() -> None:
    text = words(await reply_of(ExtractiveModel(), asked("What's the weather?", WEATHER)))
    assert text == f"get_weather needs city: your question does not say. {HONEST}"


@pytest.mark.parametrize("question", ["Refund order 7, amount 10.00", "Please refund order #7 with amount 10"])
async def test_a_tool_that_changes_something_is_called_when_its_verb_is_said(question: str) -> None:
    assert calls(await reply_of(ExtractiveModel(), asked(question, REFUND))) == [
        ("refund", {"order": "7", "amount": 10.0})
    ]


async def test_a_tool_that_changes_something_is_not_called_for_what_it_is_about() -> None:
    cancel = tool("cancel_order", "Cancel an order of a customer.", order="string")
    assert calls(await reply_of(ExtractiveModel(), asked("Who made order 7?", cancel))) == []


async def test_no_tool_that_changes_something_is_used_to_look_around() -> None:
    delete = tool("delete_file", "Delete a file.", path="string")
    replace = tool("find_and_replace", "Find a text and replace it.", pattern="string", replacement="string")
    folder = Folder()
    text, _ = await answer(ExtractiveModel(), "Where is the lease renewed?", folder, (delete, replace, *TOOLS))
    assert {name for name, _ in folder.calls} == {"list_files", "search_text", "read_file"}
    assert text.startswith("`parcels/leases.py:33`")


@pytest.mark.parametrize("question", ["Who are you?", "What can you do?", "Are you ChatGPT?", "Hello"])
async def test_it_is_honest_about_what_it_is(question: str) -> None:
    assert words(await reply_of(ExtractiveModel(), asked(question, WEATHER))).startswith(HONEST)


async def test_without_tools_it_says_so() -> None:
    text = words(await reply_of(ExtractiveModel(), asked("Where is the lease renewed?")))
    assert text == f"{HONEST} I have no tools, so I found nothing."


async def test_a_source_tree_is_searched_read_and_quoted() -> None:
    folder = Folder()
    text, rounds = await answer(ExtractiveModel(), "Where is the lease renewed?", folder)
    assert [call.tool for call in rounds[0]] == ["list_files", "search_text", "search_text"]
    assert {call.tool for call in rounds[1]} == {"read_file"}
    assert text.startswith("`parcels/leases.py:33`\n\n```\ndef renew(lease: Lease, now: float) -> Lease:\n")
    assert '"""Extend the lease by another period, while it still lasts."""' in text


async def test_what_is_nowhere_is_not_found() -> None:
    text, rounds = await answer(ExtractiveModel(), "How do frobnicators quux?", Folder())
    assert text == f"I looked for frobnicators, quux and found nothing. {HONEST}"
    assert len(rounds) == 2


@pytest.mark.parametrize(
    "question",
    [
        "What is the price of gold?",
        "Where is the database encrypted?",
        "Where is the password of the admin stored?",
        "What does the licence cost?",
        "How are emails sent to customers?",
    ],
)
async def test_a_line_that_shares_one_word_with_the_question_is_no_answer(question: str) -> None:
    text, _ = await answer(ExtractiveModel(), question, Folder())
    assert "found no place that has them together" in text
    assert "`" not in text


async def test_without_a_search_files_are_read_by_their_names() -> None:
    tools = tuple(each for each in TOOLS if each.name != "search_text")
    text, rounds = await answer(ExtractiveModel(), "What is the base price of a route?", Folder(), tools)
    assert [call.tool for call in rounds[0]] == ["list_files"]
    assert text.startswith("`parcels/routes.py:9`")


async def test_a_report_is_sent_once_with_the_answer() -> None:
    request = asked("Weather in Oslo? Then send a report.", WEATHER, REPORT)
    model = ExtractiveModel()
    first = done((await reply_of(model, request)).parts[0], "rain")
    second = await reply_of(model, after(request, first))
    assert calls(second) == [("send_report", {"text": "rain"})]
    last = await reply_of(model, after(request, first, done(second.parts[0], "queued")))
    assert words(last) == "rain\n\nSent with send_report: queued"


async def test_a_report_in_doubt_is_not_sent_again() -> None:
    request = asked("Weather in Oslo?", WEATHER, REPORT, instructions="Always send_report what you found.")
    first = done((await reply_of(ExtractiveModel(), request)).parts[0], "rain")
    second = (await reply_of(ExtractiveModel(), after(request, first))).parts[0]
    assert isinstance(second, ToolCallPart)
    doubted = msgspec.structs.replace(second, state="in_doubt", error="nobody saw its end")
    last = words(await reply_of(ExtractiveModel(), after(request, first, doubted)))
    assert last == "rain\n\nsend_report(text='rain'): nobody saw its end"


async def test_a_report_that_nobody_asked_for_is_not_sent() -> None:
    request = asked("Weather in Oslo?", WEATHER, REPORT)
    first = done((await reply_of(ExtractiveModel(), request)).parts[0], "rain")
    assert words(await reply_of(ExtractiveModel(), after(request, first))) == "rain"


async def test_the_answer_streams_in_words_behind_its_tag() -> None:
    deltas, reply = await told(ExtractiveModel(), ask(settings={"tag": "attempt 2: "}))
    assert [delta.text for delta in deltas][:4] == ["attempt ", "2: ", "I ", "am "]
    assert words(reply).startswith(f"attempt 2: {HONEST}")
    assert reply.usage.requests == 1


class Hurried(SystemClock):
    """A clock on which every pause is over at once, and known."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def call_after(self, seconds: float, callback: Callable[[], object]) -> Timer:
        self.pauses.append(seconds)
        return super().call_after(0, callback)


async def test_a_pace_waits_before_each_delta() -> None:
    clock = Hurried()
    deltas, _ = await told(ExtractiveModel(clock=clock), ask(settings={"pace": 30.0}))
    assert clock.pauses == [30.0] * len(deltas)


@pytest.mark.parametrize("pace", [-1, "slow", True, float("inf")])
async def test_a_pace_that_is_none_is_refused(pace: object) -> None:
    with pytest.raises(SettingInvalid) as refused:
        await reply_of(ExtractiveModel(), ask(settings={"pace": pace}))
    assert refused.value.field == "pace"


@pytest.mark.slow
def test_the_same_request_gets_the_same_reply_in_any_process() -> None:
    program = (
        "import asyncio, perdure.models.extractive.model as m\n"
        "from tests.models.folder import Folder, answer\n"
        "print(asyncio.run(answer(m.ExtractiveModel(), 'How does the store handle a stale token?', Folder())))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(["", *sys.path])},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1

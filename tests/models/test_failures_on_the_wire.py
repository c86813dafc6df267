import asyncio
import json
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from perdure.errors import (
    ModelAuthFailed,
    ModelContextTooLong,
    ModelCreditsExhausted,
    ModelCutOff,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelReplyInvalid,
    ModelRequestInvalid,
    ModelTimedOut,
    ModelUnavailable,
)
from perdure.models.compatible import OpenAICompatible
from perdure.models.protocol import ModelEvent, ModelRequest
from tests.models.conversation import ask, reply_of
from tests.models.loopback import Chunk, Drop, Hold, Loopback, Raw, Scenario, Stall, chunk, end, refuse, say, text

SHORT = 0.2


async def read(events: AsyncGenerator[ModelEvent, None], into: list[ModelEvent]) -> None:
    async with aclosing(events):
        async for event in events:
            into.append(event)  # noqa: PERF401  (a failure keeps what came before it)


async def test_a_drop_in_the_middle_is_cut_off_and_what_was_said_is_kept(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    loopback.play(Scenario(acts=(*text("Hel", "lo"), Drop())))
    said: list[ModelEvent] = []
    with pytest.raises(ModelCutOff) as failure:
        await read(model.stream(ask()), said)
    assert [getattr(event, "text", None) for event in said] == ["Hel", "lo"]
    assert failure.value.retryable


async def test_a_drop_before_the_first_word_is_unavailable(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(Scenario(acts=(Drop(),)))
    with pytest.raises(ModelUnavailable):
        await reply_of(model, ask())


async def test_a_clean_end_without_a_finish_reason_is_cut_off(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(Scenario(acts=text("Hel")), Scenario(acts=(*text("Hel"), Chunk("[DONE]"))))
    for _ in range(2):
        with pytest.raises(ModelCutOff, match="without a finish reason"):
            await reply_of(model, ask())


async def test_an_error_inside_the_stream_is_told_by_its_code(loopback: Loopback, model: OpenAICompatible) -> None:
    error = Chunk('{"error": {"message": "busy", "type": "server_error", "code": "server_is_overloaded"}}')
    loopback.play(Scenario(acts=(*text("Hel"), error)))
    with pytest.raises(ModelUnavailable):
        await reply_of(model, ask())


async def test_a_body_that_is_no_json_is_unavailable(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(Scenario(acts=(*text("Hel"), Chunk("<html>"))))
    with pytest.raises(ModelUnavailable):
        await reply_of(model, ask())


async def test_a_429_says_how_long_to_wait_and_is_sent_once(loopback: Loopback, model: OpenAICompatible) -> None:
    error = {"message": "Slow down.", "code": "rate_limit_exceeded"}
    loopback.play(refuse(429, error, {"retry-after": "2"}))
    with pytest.raises(ModelRateLimited) as failure:
        await reply_of(model, ask())
    assert (failure.value.status, failure.value.retry_after) == (429, 2.0)
    assert "Slow down." in failure.value.detail
    assert len(loopback.requests) == 1


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (500, None, ModelUnavailable),
        (503, {"message": "x"}, ModelUnavailable),
        (529, {"message": "x"}, ModelUnavailable),
        (408, {"message": "x"}, ModelUnavailable),
        (409, {"message": "x"}, ModelUnavailable),
        (401, {"message": "x", "code": "invalid_api_key"}, ModelAuthFailed),
        (403, {"message": "x"}, ModelAuthFailed),
        (402, {"message": "x"}, ModelCreditsExhausted),
        (429, {"message": "x", "type": "insufficient_quota", "code": "insufficient_quota"}, ModelCreditsExhausted),
        (400, {"message": "x", "code": "context_length_exceeded"}, ModelContextTooLong),
        (400, {"message": "This model's maximum context length is 10 tokens."}, ModelContextTooLong),
        (413, None, ModelContextTooLong),
        (400, {"message": "x", "code": "content_filter"}, ModelRefused),
        (403, {"message": "x", "metadata": {"reasons": ["violence"]}}, ModelRefused),
        (400, {"message": "x", "type": "invalid_request_error"}, ModelRequestInvalid),
        (404, {"message": "x", "code": "model_not_found"}, ModelRequestInvalid),
        (404, {"message": "x", "type": "api_error"}, ModelRequestInvalid),
        (422, {"message": "x"}, ModelRequestInvalid),
    ],
)
async def test_a_refusal_is_told_by_code_and_status(
    loopback: Loopback, model: OpenAICompatible, status: int, error: object, kind: type[ModelError]
) -> None:
    loopback.play(refuse(status, error))
    with pytest.raises(ModelError) as failure:
        await reply_of(model, ask())
    assert type(failure.value) is kind
    assert failure.value.status == status
    assert len(loopback.requests) == 1


PAGE = "<!DOCTYPE html><html><body>Sign in</body></html>"


@pytest.mark.parametrize("status", [200, 404, 302, 301, 308])
async def test_a_web_page_or_a_redirect_is_a_wrong_url_and_no_outage(
    loopback: Loopback, model: OpenAICompatible, status: int
) -> None:
    headers = {"content-type": "text/html; charset=utf-8", "location": "https://example.invalid/login"}
    loopback.play(Scenario(status=status, headers=headers, acts=(Chunk(PAGE),)))
    with pytest.raises(ModelRequestInvalid, match="check the base URL") as failure:
        await reply_of(model, ask())
    assert failure.value.status == status
    assert not failure.value.retryable


async def test_a_gateway_s_page_about_an_outage_is_one(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(Scenario(status=502, headers={"content-type": "text/html"}, acts=(Chunk(PAGE),)))
    with pytest.raises(ModelUnavailable):
        await reply_of(model, ask())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "rate_limit_exceeded", "message": "slow down"}, ModelRateLimited),
        ({"code": 429, "message": "slow down"}, ModelRateLimited),
        ({"code": "invalid_api_key", "message": "no"}, ModelAuthFailed),
        ({"message": "overloaded"}, ModelUnavailable),
        ("This model's maximum context length is 10 tokens.", ModelContextTooLong),
    ],
)
@pytest.mark.parametrize("is_event", [True, False], ids=["event", "body"])
async def test_an_error_in_a_200_is_told_by_its_code(
    loopback: Loopback, model: OpenAICompatible, error: object, kind: type[ModelError], *, is_event: bool
) -> None:
    body = json.dumps({"error": error})
    headers = {} if is_event else {"content-type": "application/json"}
    acts = (Chunk(body), Chunk("[DONE]")) if is_event else (Raw(body),)
    loopback.play(Scenario(headers=headers, acts=acts))
    with pytest.raises(ModelError) as failure:
        await reply_of(model, ask())
    assert type(failure.value) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"object": "error", "message": "overloaded", "code": 503}, ModelUnavailable),
        ({"object": "error", "message": "slow", "type": "RateLimit", "code": "429"}, ModelRateLimited),
        ({"type": "error", "message": "Bad key", "status": 401}, ModelAuthFailed),
        ({"code": 429, "message": "rate limit exceeded"}, ModelRateLimited),
        ({"error_code": 503, "error_msg": "no capacity"}, ModelUnavailable),
        ({"detail": "Internal Server Error"}, ModelUnavailable),
        ({"detail": [{"loc": ["body"], "msg": "the context length is 10 tokens"}]}, ModelContextTooLong),
        ({"errors": ["Too many requests"]}, ModelRateLimited),
        ({"message": "Something happened."}, ModelUnavailable),
    ],
)
@pytest.mark.parametrize("is_event", [True, False], ids=["event", "body"])
async def test_an_error_in_a_200_is_told_by_its_shape(
    loopback: Loopback, model: OpenAICompatible, error: object, kind: type[ModelError], *, is_event: bool
) -> None:
    body = json.dumps(error)
    headers = {} if is_event else {"content-type": "application/json"}
    acts = (*text("Hel"), Chunk(body), Chunk("[DONE]")) if is_event else (Raw(body),)
    loopback.play(Scenario(headers=headers, acts=acts))
    with pytest.raises(ModelError) as failure:
        await reply_of(model, ask())
    assert type(failure.value) is kind
    assert failure.value.detail == body.replace(": ", ":").replace(", ", ",")


@pytest.mark.parametrize("body", [{"object": "chat.completion", "choices": [{"message": {"content": "Hi"}}]}, {}, []])
async def test_a_document_that_is_no_error_is_a_wrong_url_which_is_shown_with_its_port(
    loopback: Loopback, body: object
) -> None:
    secret = loopback.base_url.replace("//", "//me:secret@")
    loopback.play(Scenario(headers={"content-type": "application/json"}, acts=(Raw(json.dumps(body)),)))
    with pytest.raises(ModelRequestInvalid, match="check the base URL") as failure:
        await reply_of(OpenAICompatible("any", base_url=secret), ask())
    assert f"{loopback.base_url}/chat/completions answered" in str(failure.value)
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    "word", ["error", "abort", "insufficient_system_resource", "network_error", "cancelled", "malformed_function_call"]
)
async def test_an_answer_that_its_provider_gave_up_is_cut_off(
    loopback: Loopback, model: OpenAICompatible, word: str
) -> None:
    loopback.play(Scenario(acts=(*text("Hel"), *end(word))))
    with pytest.raises(ModelCutOff, match=word) as failure:
        await reply_of(model, ask())
    assert failure.value.retryable


@pytest.mark.parametrize("word", ["tool_calls", "function_call", "tool_use"])
async def test_an_answer_that_should_have_calls_and_has_none_is_unusable(
    loopback: Loopback, model: OpenAICompatible, word: str
) -> None:
    loopback.play(Scenario(acts=(*text("Let me look."), *end(word))))
    with pytest.raises(ModelReplyInvalid, match="there is none") as failure:
        await reply_of(model, ask())
    assert failure.value.retryable


async def test_a_whole_reply_where_a_stream_was_asked_for_is_said_to_be_one(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    body = json.dumps({"object": "chat.completion", "choices": []})
    loopback.play(Scenario(headers={"content-type": "application/json"}, acts=(Raw(body),)))
    with pytest.raises(ModelRequestInvalid, match="a JSON document"):
        await reply_of(model, ask())


async def test_an_overflow_is_one_though_the_server_calls_it_an_error_of_its_own(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    loopback.play(refuse(500, {"message": "the input length exceeds the context length", "type": "api_error"}))
    with pytest.raises(ModelContextTooLong):
        await reply_of(model, ask())


async def test_a_refusal_in_words_of_its_own_is_refused(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(Scenario(acts=(chunk({"refusal": "I can't "}), chunk({"refusal": "say that."}), *end())))
    with pytest.raises(ModelRefused) as failure:
        await reply_of(model, ask())
    assert failure.value.detail == "I can't say that."


async def test_a_body_that_stalls_is_timed_out_though_its_headers_came(
    loopback: Loopback, model: OpenAICompatible
) -> None:
    loopback.play(Scenario(acts=(*text("Hel"), Stall())))
    said: list[ModelEvent] = []
    with pytest.raises(ModelTimedOut, match="idle_timeout"):
        await read(model.stream(ask(settings={"idle_timeout": SHORT})), said)
    assert [getattr(event, "text", None) for event in said] == ["Hel"]
    assert await asyncio.to_thread(loopback.requests[0].left.wait, 5)


@pytest.mark.parametrize("scenario", [Scenario(before=(Stall(),)), Scenario(acts=(Stall(),))], ids=["headers", "body"])
async def test_silence_before_the_first_word_is_timed_out(
    loopback: Loopback, model: OpenAICompatible, scenario: Scenario
) -> None:
    loopback.play(scenario)
    with pytest.raises(ModelTimedOut, match="first_event_timeout"):
        await reply_of(model, ask(settings={"first_event_timeout": SHORT}))
    assert await asyncio.to_thread(loopback.requests[0].left.wait, 5)


async def test_a_call_is_timed_out_as_a_whole(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(Scenario(acts=(*text("Hel"), Stall())))
    with pytest.raises(ModelTimedOut, match=r"took over 0\.2 s"):
        await reply_of(model, ask(settings={"timeout": SHORT}))


async def test_a_server_that_does_not_take_the_connection_is_timed_out() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as busy, socket.socket() as first, socket.socket() as second:
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(busy.getsockname())
        model = OpenAICompatible("any", base_url=f"http://127.0.0.1:{busy.getsockname()[1]}/v1")
        with pytest.raises(ModelTimedOut):
            await reply_of(model, ask(settings={"connect_timeout": SHORT}))


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/v1"
    with pytest.raises(ModelUnavailable):
        await reply_of(OpenAICompatible("any", base_url=url), ask())


async def test_closing_the_stream_ends_the_request(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(Scenario(acts=(*text("Hel", "lo"), Stall())))
    async with aclosing(model.stream(ask())) as events:
        await anext(events)
    assert await asyncio.to_thread(loopback.requests[0].left.wait, 5)


@pytest.mark.parametrize("has_begun", [True, False])
async def test_cancelling_the_reader_ends_the_request(
    loopback: Loopback, model: OpenAICompatible, *, has_begun: bool
) -> None:
    loopback.play(Scenario(acts=(*text("Hel"), Stall()) if has_begun else (), before=() if has_begun else (Stall(),)))
    said: list[ModelEvent] = []
    reader = asyncio.create_task(read(model.stream(ask()), said))
    while not (said if has_begun else loopback.requests):  # noqa: ASYNC110  (the server is in another thread)
        await asyncio.sleep(0.001)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await asyncio.to_thread(loopback.requests[0].left.wait, 5)


async def test_a_stream_that_is_held_goes_on(loopback: Loopback, model: OpenAICompatible) -> None:
    go_on = threading.Event()
    loopback.play(Scenario(acts=(*text("Hel"), Hold(go_on), *text("lo"), *end())))
    async with aclosing(model.stream(ask())) as events:
        assert getattr(await anext(events), "text", None) == "Hel"
        go_on.set()
        assert [getattr(event, "text", "") async for event in events] == ["lo", ""]


async def test_the_same_connection_serves_the_next_call(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(say("One"), refuse(500), say("Two"))
    await reply_of(model, ask())
    with pytest.raises(ModelUnavailable):
        await reply_of(model, ask())
    await model.aclose()
    await model.aclose()
    assert (await reply_of(model, ModelRequest(messages=ask().messages))).finish_reason == "stop"


def test_a_model_serves_one_event_loop_after_another(loopback: Loopback, model: OpenAICompatible) -> None:
    loopback.play(say("One"), say("Two"))
    for _ in range(2):
        assert asyncio.run(reply_of(model, ask())).finish_reason == "stop"


async def test_a_code_that_says_that_all_is_well_is_no_error(loopback: Loopback, model: OpenAICompatible) -> None:
    well = chunk(choices=[], code=0, msg="success")
    loopback.play(Scenario(acts=(*text("Hello"), chunk(finish="stop"), well, Chunk("[DONE]"))))
    assert (await reply_of(model, ask())).finish_reason == "stop"

"""Vectors: the ones that a reference classifier was run on, with what it got wrong put right, and exceptions as the
SDK raises them."""

from datetime import UTC, datetime

import pytest
from pydantic_ai import exceptions as sdk

from perdure.errors import (
    ModelAuthFailed,
    ModelContextTooLong,
    ModelCreditsExhausted,
    ModelCutOff,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelRequestInvalid,
    ModelTimedOut,
    ModelUnavailable,
)
from perdure.models.classify import classify
from perdure.models.facts import facts_of

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class Failure(Exception):
    """An exception with whatever attributes an SDK gives its own."""

    def __init__(self, message: str = "failed", **facts: object) -> None:
        super().__init__(message)
        vars(self).update(facts)


def kind(error: BaseException, *, began: bool = False) -> type[ModelError]:
    return type(classify(error, model="test", now=NOW, began=began))


@pytest.mark.parametrize(
    ("prose", "expected"),
    [
        ("Overloaded", ModelUnavailable),
        ("model is overloaded, please retry", ModelUnavailable),
        ("Internal Server Error", ModelUnavailable),
        ("Bad Gateway", ModelUnavailable),
        ("Service Unavailable", ModelUnavailable),
        ("503 Service Unavailable", ModelUnavailable),
        ("status code: 502", ModelUnavailable),
        ("HTTP status 504", ModelUnavailable),
        ("error 500", ModelUnavailable),
        ("Request timed out", ModelTimedOut),
        ("timeout", ModelTimedOut),
        ("Connection error.", ModelUnavailable),
        ("Premature close", ModelUnavailable),
        ("getaddrinfo ENOTFOUND x", ModelUnavailable),
        ("EPIPE", ModelUnavailable),
        ("read ETIMEDOUT", ModelUnavailable),
        ("socket hang up", ModelUnavailable),
        ("fetch failed", ModelUnavailable),
        ("network is down", ModelUnavailable),
        ("connection terminated unexpectedly", ModelUnavailable),
        ("session terminated by administrator", ModelRequestInvalid),
        ("Quota exceeded for requests per minute", ModelRateLimited),
        ("exceeds the limit of 50 requests", ModelRateLimited),
        ("Rate limit reached for X", ModelRateLimited),
        ("429", ModelRateLimited),
        ("Failed after 3 attempts. Last error: Too Many Requests", ModelRateLimited),
        ("ratelimit", ModelRateLimited),
        ("RESOURCE_EXHAUSTED", ModelRateLimited),
        ("400 (no body)", ModelRequestInvalid),
        ("413 status code (no body)", ModelContextTooLong),
        ("You are out of credits", ModelCreditsExhausted),
        ("This model's maximum context length is 10 tokens", ModelContextTooLong),
        ("error 5000 in row 4", ModelRequestInvalid),
    ],
)
def test_prose_is_read_where_there_is_nothing_else(prose: str, expected: type[ModelError]) -> None:
    assert kind(Failure(prose)) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Failure(status_code=408), ModelUnavailable),
        (Failure(status_code=409), ModelUnavailable),
        (Failure(status_code=425), ModelUnavailable),
        (Failure(status_code=529), ModelUnavailable),
        (Failure(status_code=402), ModelCreditsExhausted),
        (Failure(status_code=404), ModelRequestInvalid),
        (Failure("Quota exceeded", status_code=503), ModelUnavailable),
        (Failure("maximum context length", status_code=500), ModelContextTooLong),
        (Failure("the input length exceeds the context length", status_code=500), ModelContextTooLong),
        (Failure(status_code=400, body={"error": {"type": "exceed_context_size_error"}}), ModelContextTooLong),
        (Failure(status_code=503, body="<html>context length</html>"), ModelUnavailable),
        (Failure(status_code=404, body={"error": {"type": "api_error"}}), ModelRequestInvalid),
        (Failure(status_code=404, body={"error": {"code": "server_error"}}), ModelRequestInvalid),
        (Failure(status_code=400, body={"error": {"type": "overloaded_error"}}), ModelRequestInvalid),
        (Failure(status_code=401, body={"error": {"type": "rate_limit_error"}}), ModelAuthFailed),
        (Failure(status_code=422, body={"error": {"code": "timeout_error"}}), ModelRequestInvalid),
        (Failure(status_code=500, body={"error": {"type": "api_error"}}), ModelUnavailable),
        (Failure(status_code=500, body={"error": {"code": "insufficient_quota"}}), ModelCreditsExhausted),
        (Failure(status_code=302), ModelRequestInvalid),
        (Failure(status_code=308, body="<html>Moved</html>"), ModelRequestInvalid),
        (Failure(status_code=404, body="<!DOCTYPE html><title>404</title>"), ModelRequestInvalid),
        (Failure(status_code=502, body="<html>Bad Gateway</html>"), ModelUnavailable),
        (Failure(body={"error": {"code": 429}}), ModelRateLimited),
        (Failure(body={"error": {"code": "503"}}), ModelUnavailable),
        (Failure(body={"error": {"status": 401}}), ModelAuthFailed),
        (Failure("rate limit", status=401), ModelAuthFailed),
        (Failure(status_code=429, body={"error": {"code": "insufficient_quota"}}), ModelCreditsExhausted),
        (Failure(status_code=429, body='{"error": {"type": "insufficient_quota"}}'), ModelCreditsExhausted),
        (Failure(status_code=403, body={"error": {"code": "rate_limit_exceeded"}}), ModelRateLimited),
        (Failure(status_code=400, body={"error": {"code": "context_length_exceeded"}}), ModelContextTooLong),
        (Failure(status_code=413, body={"error": {"code": "rate_limit_exceeded"}}), ModelContextTooLong),
        (Failure(body={"type": "error", "error": {"type": "overloaded_error"}}), ModelUnavailable),
        (Failure(status_code=400, body={"error": {"message": "prompt is too long: 9 tokens"}}), ModelContextTooLong),
        (Failure(status_code=400, body={"error": {"code": "content_filter"}}), ModelRefused),
        (ConnectionResetError("reset"), ModelUnavailable),
        (TimeoutError(), ModelTimedOut),
        (OSError("no route"), ModelUnavailable),
        (KeyError("a mistake of ours"), ModelRequestInvalid),
    ],
)
def test_structure_comes_before_prose(error: BaseException, expected: type[ModelError]) -> None:
    assert kind(error) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (sdk.ModelHTTPError(500, "m"), ModelUnavailable),
        (
            sdk.ModelHTTPError.for_category(sdk.ModelQuotaExceededError, status_code=429, model_name="m"),
            ModelCreditsExhausted,
        ),
        (
            sdk.ModelHTTPError.for_category(sdk.ModelAuthenticationError, status_code=400, model_name="m"),
            ModelAuthFailed,
        ),
        (sdk.ModelHTTPError.for_category(sdk.ModelNotFoundError, status_code=404, model_name="m"), ModelRequestInvalid),
        (
            sdk.ModelHTTPError.for_category(sdk.ModelContextWindowExceededError, status_code=400, model_name="m"),
            ModelContextTooLong,
        ),
        (sdk.ModelRateLimitError("m", "slow"), ModelRateLimited),
        (sdk.ModelTimeoutError("m", "late", phase="connect"), ModelTimedOut),
        (sdk.ModelConnectionError("m", "lost"), ModelUnavailable),
        (sdk.ModelRequestRejectedError("m", "no"), ModelRequestInvalid),
        (sdk.ModelAPIError("m", "what?"), ModelUnavailable),
        (sdk.UnexpectedModelBehavior("what?"), ModelUnavailable),
        (sdk.ContentFilterError("no"), ModelRefused),
        (sdk.UserError("no such thing"), ModelRequestInvalid),
    ],
)
def test_what_the_sdk_made_of_it_counts(error: BaseException, expected: type[ModelError]) -> None:
    assert kind(error) is expected


def test_a_connection_lost_in_the_middle_is_cut_off() -> None:
    assert kind(sdk.ModelConnectionError("m", "lost"), began=True) is ModelCutOff
    assert kind(sdk.ModelHTTPError(500, "m"), began=True) is ModelUnavailable


def test_a_cause_deep_down_and_a_member_of_a_group_are_seen() -> None:
    inner = Failure(status_code=503)
    middle = Failure("wrapped")
    outer = Failure("wrapped again")
    middle.__cause__, outer.__cause__ = inner, middle
    assert kind(outer) is ModelUnavailable
    assert kind(ExceptionGroup("several", [Failure(status_code=429)])) is ModelRateLimited


def test_causes_that_go_round_end() -> None:
    one, two = Failure("one"), Failure("two")
    one.__cause__, two.__cause__ = two, one
    assert kind(one) is ModelRequestInvalid


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after-ms": "150"}, 0.15),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "Fri, 02 Jan 2026 12:00:00 GMT"}, 86400.0),
        ({"retry-after": "Thursday, 01-Jan-26 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu Jan  1 12:00:30 2026"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 13:00:30 +0100"}, 30.0),
        ({"retry-after": "2026-01-01T12:00:30Z"}, 30.0),
        ({"retry-after": "2026-01-01T12:00:30"}, 30.0),
        ({"retry-after": str(int(NOW.timestamp()) + 30)}, 30.0),
        ({"retry-after": "1m30s"}, 90.0),
        ({"retry-after": "500ms"}, 0.5),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:59:30 GMT"}, None),
        ({"retry-after": "-7"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_a_pause_is_read_from_the_headers(headers: dict[str, str], expected: float | None) -> None:
    error = classify(sdk.ModelHTTPError(429, "m", headers=headers), model="test", now=NOW)
    assert error.retry_after == expected


def test_a_pause_in_the_body_is_read_where_the_sdk_did() -> None:
    error = sdk.ModelHTTPError(429, "m", retry_after=14.0)
    assert classify(error, model="test", now=NOW).retry_after == 14.0


def test_an_error_of_ours_stays() -> None:
    ours = ModelTimedOut("late")
    assert classify(ours, model="test", now=NOW) is ours


def test_a_message_says_which_model_what_was_true_and_what_to_do() -> None:
    error = classify(Failure(status_code=401, body={"error": {"code": "invalid_api_key"}}), model="a:b", now=NOW)
    assert str(error) == "a:b refused the key: set one that may use this model (HTTP 401, invalid_api_key)"
    assert error.detail == '{"error":{"code":"invalid_api_key"}}'


def test_a_message_says_how_long_to_wait() -> None:
    error = classify(Failure(status_code=429, headers={"retry-after": "86400"}), model="a:b", now=NOW)
    assert str(error) == "a:b asks for a pause (HTTP 429); it asks to wait for 86400 s"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Failure(status_code=302), "sent the request elsewhere"),
        (Failure(status_code=404, body="<html>"), "answered with a web page: check the base URL"),
    ],
)
def test_a_url_that_is_no_provider_s_is_said_to_be_one(error: BaseException, said: str) -> None:
    assert said in str(classify(error, model="a:b", now=NOW))


def test_the_body_of_an_error_may_be_anything() -> None:
    for body in (b"\xff\xfe", "<html>", {"error": None}, {"error": "text"}, [1], 7, {"at": NOW}):
        assert facts_of(Failure(status_code=500, body=body), NOW).status == 500

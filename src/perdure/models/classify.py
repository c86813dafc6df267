"""A provider's failure as one of ours.

The HTTP status comes first: it says whether another try can help, and a code or what the adapter made of it only says
which of the errors of that sort it is (429 with `insufficient_quota` is no rate limit; 404 with `api_error` is no
outage). What can't be mended by trying again, such as a history that is too long, counts with any status: some servers
answer 500 to it. Where there is no status, the code decides, then how the connection ended; a sentence is read only to
tell an overflow from other refusals, and where there is nothing else.
"""

from __future__ import annotations

import re
from datetime import datetime

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
from perdure.models.facts import Facts, facts_of, status_in

Kind = type[ModelError]

_SAID: dict[Kind, str] = {
    ModelAuthFailed: "refused the key: set one that may use this model",
    ModelContextTooLong: "can't take so many messages: shorten the history or take a model with a larger context",
    ModelCreditsExhausted: "has no credit left for this account: add credit or wait for the next period",
    ModelCutOff: "ended its answer in the middle",
    ModelRateLimited: "asks for a pause",
    ModelRefused: "refused the request for its content",
    ModelReplyInvalid: "answered with what can't be read as a reply",
    ModelRequestInvalid: "can't use the request",
    ModelTimedOut: "took too long",
    ModelUnavailable: "failed or could not be reached",
}

_CODES: dict[Kind, str] = {
    ModelContextTooLong: """context_length_exceeded context_window_exceeded model_context_window_exceeded
        prompt_too_long token_limit_exceeded request_too_large exceed_context_size_error""",
    ModelCreditsExhausted: """insufficient_quota usage_limit_reached usage_not_included credit_balance_too_low
        quota_exceeded billing_error billing_hard_limit_reached credit_balance_exhausted insufficient_balance
        exceeded_current_quota_error organization_spend_limit_exceeded project_spend_limit_exceeded
        organization_usage_limit_exceeded payment_required servicequotaexceededexception""",
    ModelRefused: """content_filter content_policy_violation responsibleaipolicyviolation data_inspection_failed
        prohibited_content moderation_blocked invalid_prompt""",
    ModelAuthFailed: """invalid_api_key incorrect_api_key api_key_invalid authentication_error permission_error
        permission_denied unauthenticated unauthorized forbidden account_deactivated accessdeniedexception
        unrecognizedclientexception invalidsignatureexception expiredtokenexception""",
    ModelRateLimited: """rate_limit_exceeded rate_limit_error rate_limit_reached_error too_many_requests
        resource_exhausted throttlingexception slow_down""",
    ModelUnavailable: """overloaded overloaded_error engine_overloaded server_is_overloaded server_error api_error
        internal internal_error internal_server_error service_unavailable service_unavailable_error unavailable
        timeout_error modelnotreadyexception serviceunavailableexception modelstreamerrorexception
        internalserverexception econnreset econnrefused etimedout ehostunreach enotfound epipe""",
}
_BY_CODE = {code: kind for kind, codes in _CODES.items() for code in codes.split()}

# What pydantic-ai made of codes that mean something only at their provider.
_BY_NAME: dict[str, Kind] = {
    "ModelQuotaExceededError": ModelCreditsExhausted,
    "ContentFilterError": ModelRefused,
    "ModelOverloadedError": ModelUnavailable,
    "ModelUnavailableError": ModelUnavailable,
    "ModelAuthenticationError": ModelAuthFailed,
    "ModelRateLimitError": ModelRateLimited,
    "ModelServerError": ModelUnavailable,
}
_OVERFLOW = "ModelContextWindowExceededError"
_LATE = frozenset({"ModelTimeoutError", "ModelRequestTimeout", "APITimeoutError", "TimeoutException", "TimeoutError"})
_LOST = frozenset({"ModelConnectionError", "APIConnectionError", "TransportError", "OSError"})
_GARBLED = frozenset({"UnexpectedModelBehavior", "ModelAPIError", "RefusedInBody"})
_MISDIRECTED = frozenset({"TooManyRedirects", "UnsupportedProtocol", "InvalidURL", "LocalProtocolError"})
_OVERFLOWING = frozenset({400, 413, 422, None, *range(500, 600)})
_REDIRECTS = range(300, 400)
_PASSING = frozenset({408, 409, 425, 429, None, *range(500, 600)})

_BY_STATUS: dict[int, Kind] = {
    401: ModelAuthFailed,
    402: ModelCreditsExhausted,
    403: ModelAuthFailed,
    408: ModelUnavailable,
    409: ModelUnavailable,
    413: ModelContextTooLong,
    425: ModelUnavailable,
    429: ModelRateLimited,
}

_TOO_LONG = re.compile(
    r"context (?:length|window|size)|maximum prompt length|(?:prompt|input) (?:is )?too long|too many tokens"
    r"|(?:input|prompt) tokens? (?:count|exceed)|reduce the length of the messages"
)
# Read only where nothing else is known; the first that matches counts.
_PROSE: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (
        re.compile(r"rate.?limit|too many requests|requests per|resource.?exhausted|limit of \d+ requests"),
        ModelRateLimited,
    ),
    (
        re.compile(r"insufficient.quota|quota exceeded|credit balance|out of credits|usage limit reached"),
        ModelCreditsExhausted,
    ),
    (re.compile(r"overloaded|unavailable|internal server error|bad gateway|gateway time-?out"), ModelUnavailable),
    (re.compile(r"\btimed? ?out\b|\btimeout\b"), ModelTimedOut),
    (
        re.compile(
            r"(?:connection|stream|socket) (?:error|reset|refused|closed|aborted|terminated|hang up)|premature close"
            r"|fetch failed|getaddrinfo|\b(?:econn\w+|epipe|etimedout|enotfound|ehostunreach)\b|network is"
        ),
        ModelUnavailable,
    ),
)


def classify(error: BaseException, *, model: str, now: datetime, began: bool = False) -> ModelError:
    """The ModelError that says what an SDK's exception means.

    Shape: `began` says that a part of the answer had come; a connection lost after that is ModelCutOff.
    """
    if isinstance(error, ModelError):
        return error
    facts = facts_of(error, now)
    kind = kind_of(facts, began=began)
    known = ", ".join([f"HTTP {facts.status}"] * (facts.status is not None) + list(facts.codes[:1]))
    said = f"{model} {_said(kind, facts)}" + (f" ({known})" if known else "")
    if facts.retry_after is not None and kind.retryable:
        said += f"; it asks to wait for {facts.retry_after:g} s"
    return kind(said, status=facts.status, retry_after=facts.retry_after, detail=facts.detail)


def _said(kind: Kind, facts: Facts) -> str:
    if facts.status in _REDIRECTS or facts.names & _MISDIRECTED:
        return "sent the request elsewhere, or can't be asked at this URL: check the base URL"
    if facts.is_page and kind is ModelRequestInvalid:
        return "answered with a web page: check the base URL"
    if kind is ModelReplyInvalid:
        return f"{_SAID[kind]}: {facts.prose}"
    return _SAID[kind]


def kind_of(facts: Facts, *, began: bool = False) -> Kind:
    """The decision alone."""
    if "Unreadable" in facts.names:
        return ModelReplyInvalid
    kind = _by_structure(facts) or _by_ending(facts, began=began)
    if kind is not None:
        return kind
    prose = facts.prose.lower()
    named = status_in(prose)
    if named is not None:
        return _of_status(named)
    return next((kind for pattern, kind in _PROSE if pattern.search(prose)), _unread(facts, began=began))


def _by_structure(facts: Facts) -> Kind | None:
    coded = next((kind for code in facts.codes if (kind := _BY_CODE.get(code)) and _fits(kind, facts.status)), None)
    if facts.status == 413 and coded is not ModelCreditsExhausted:  # noqa: PLR2004  (Content Too Large)
        return ModelContextTooLong
    if coded is not None and not coded.retryable:
        return coded
    if facts.flagged:
        return ModelRefused
    if facts.status in _OVERFLOWING and (_OVERFLOW in facts.names or _is_overflow(facts)):
        return ModelContextTooLong
    adapted = (kind for name, kind in _BY_NAME.items() if name in facts.names and _fits(kind, facts.status))
    return coded or next(adapted, None) or (None if facts.status is None else _of_status(facts.status))


def _fits(kind: Kind, status: int | None) -> bool:
    """Whether a status allows a kind: one that says that trying again is of no use is not overruled.

    GitHub and Google answer 403 to a rate limit too.
    """
    return not kind.retryable or status in _PASSING or (kind is ModelRateLimited and status == 403)  # noqa: PLR2004


def _is_overflow(facts: Facts) -> bool:
    return not facts.is_page and _TOO_LONG.search(facts.prose.lower()) is not None


def _of_status(status: int) -> Kind:
    return _BY_STATUS.get(status, ModelUnavailable if status >= 500 else ModelRequestInvalid)  # noqa: PLR2004  (5xx)


def _by_ending(facts: Facts, *, began: bool) -> Kind | None:
    if facts.names & _MISDIRECTED:
        return ModelRequestInvalid
    if facts.names & _LATE:
        return ModelTimedOut
    if facts.names & _LOST:
        return ModelCutOff if began else ModelUnavailable
    return None


def _unread(facts: Facts, *, began: bool) -> Kind:
    # An answer that can't be read may be readable the next time; a mistake in the request stays one.
    if "ModelRequestRejectedError" in facts.names:
        return ModelRequestInvalid
    if facts.names & _GARBLED:
        return ModelUnavailable
    return ModelReplyInvalid if began else ModelRequestInvalid

"""What a language model, or the way to it, refused."""

from __future__ import annotations

from perdure.errors.base import PerdureError


class ModelError(PerdureError):
    """A model call failed.

    Shape: `status` is the HTTP status where there was one, `retry_after` seconds where the provider asked for a
    pause, `detail` what the provider said (at most 2,048 characters).
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None, detail: str = ""
    ) -> None:
        super().__init__(message)
        self.status, self.retry_after, self.detail = status, retry_after, detail[:2048]


class ModelUnavailable(ModelError):
    """The provider failed or could not be reached (5xx, 408, 409, reset, refused)."""

    code = "model_unavailable"
    retryable = True


class ModelRateLimited(ModelError):
    """The provider asks for a pause (429)."""

    code = "model_rate_limited"
    retryable = True


class ModelCutOff(ModelError):
    """The answer ended without a finish reason: it is not whole."""

    code = "model_cut_off"
    retryable = True


class ModelReplyInvalid(ModelError):
    """The model answered with what can't be used as a reply."""

    code = "model_reply_invalid"
    retryable = True


class ModelTimedOut(ModelError):
    """No connection, no first event, or no further event in time."""

    code = "model_timed_out"
    retryable = True


class ModelRequestInvalid(ModelError):
    """The provider refused the request as malformed (400, 404, 422)."""

    code = "model_request_invalid"


class ModelContextTooLong(ModelError):
    """The messages do not fit into the model's context."""

    code = "model_context_too_long"


class ModelRefused(ModelError):
    """The provider's content policy refused the request."""

    code = "model_refused"


class ModelCreditsExhausted(ModelError):
    """The account has no credit or quota left."""

    code = "model_credits_exhausted"


class ModelAuthFailed(ModelError):
    """The key is missing, wrong, or may not use this model (401, 403)."""

    code = "model_auth_failed"

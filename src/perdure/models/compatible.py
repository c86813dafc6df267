"""A model behind any URL that speaks OpenAI's chat completions: a gateway, vLLM, Ollama, llama.cpp."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from perdure.core.clock import Clock
from perdure.errors import SettingInvalid
from perdure.models.protocol import ModelEvent, ModelRequest

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from perdure.models.providers.model import ProviderModel


class OpenAICompatible:
    """A model by its name at a base URL, such as `http://127.0.0.1:8000/v1`.

    Shape: without a key a placeholder is sent, and never OPENAI_API_KEY, which is not meant for another server.
    Raises: SettingInvalid for an empty name or a URL that is none; ExtraMissing at the first stream.
    """

    def __init__(self, model: str, *, base_url: str, api_key: str | None = None, clock: Clock | None = None) -> None:
        if not model:
            raise SettingInvalid("model", "the server needs a name")
        from urllib.parse import urlunsplit

        parts = _parts(base_url)
        self._model, self._base_url, self._api_key, self._clock = model, base_url, api_key, clock
        # What a URL may carry before its @ is a password, and a name is shown.
        shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        self._name = f"openai-compatible:{model}@{shown}"
        self._behind: ProviderModel | None = None

    @property
    def name(self) -> str:
        return self._name

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        return self.load().stream(request)

    def load(self) -> ProviderModel:
        """The model behind it; the first time this loads the SDK. Raises: ExtraMissing."""
        if self._behind is None:
            from perdure.models.providers.load import load_compatible

            self._behind = load_compatible(self._name, self._model, self._base_url, self._api_key, self._clock)
        return self._behind

    async def aclose(self) -> None:
        """Give this event loop's connections back; the next stream opens new ones."""
        if self._behind is not None:
            await self._behind.aclose()


def _parts(base_url: str) -> SplitResult:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(base_url)
    except ValueError as error:
        raise SettingInvalid("base_url", f"{base_url!r} is no URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingInvalid("base_url", f"a URL such as http://127.0.0.1:8000/v1, not {base_url!r}")
    return parts

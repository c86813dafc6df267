import subprocess
import sys

import pytest

from perdure.errors import ModelUnknown, SettingInvalid
from perdure.models.compatible import OpenAICompatible
from perdure.models.extractive.model import ExtractiveModel
from perdure.models.resolve import resolve

HEAVY = {"pydantic_ai", "pydantic", "openai", "httpx", "httpx2", "anthropic"}


def loaded(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    )


def without(package: str, statement: str) -> str:
    """What a process says in which a package can't be imported."""
    program = f"""
import sys
sys.modules[{package!r}] = None
import perdure.errors
from perdure.models.resolve import resolve
try:
    {statement}
except perdure.errors.PerdureError as error:
    print(type(error).__name__, error)
"""
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.slow
def test_models_load_no_sdk_before_one_is_needed() -> None:
    assert loaded("import perdure.models.resolve") & HEAVY == set()
    assert loaded("from perdure.models.resolve import resolve; resolve('perdure:extractive')") & HEAVY == set()
    compatible = "resolve('openai-compatible:m@http://127.0.0.1:1/v1')"
    assert loaded(f"from perdure.models.resolve import resolve; {compatible}") & HEAVY == set()
    assert "pydantic_ai" in loaded("import pydantic_ai.models")


def test_the_embedded_model_has_a_name() -> None:
    model = resolve("perdure:extractive")
    assert isinstance(model, ExtractiveModel)
    assert model.name == "perdure:extractive"


def test_a_model_stands_for_itself() -> None:
    model = ExtractiveModel()
    assert resolve(model) is model


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "gpt-5",
        "openai:",
        ":gpt-5",
        "nobody:gpt-5",
        "perdure:genius",
        "openai-compatible:m",
        "openai-compatible:m@ftp://x",
    ],
)
def test_a_name_without_a_known_provider_is_refused(name: str) -> None:
    with pytest.raises(ModelUnknown) as refused:
        resolve(name)
    assert refused.value.model.strip() == name.strip()


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(SettingInvalid) as refused:
        resolve("openai:gpt-5-mini")
    assert refused.value.field == "OPENAI_API_KEY"
    assert "openai:gpt-5-mini" in refused.value.reason


@pytest.mark.parametrize("value", ["", " ", "sk-1\n", "sk-1\n2"])
def test_a_key_that_no_request_could_carry_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(SettingInvalid) as refused:
        resolve("openai:gpt-5-mini")
    assert refused.value.field == "OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("opnai:gpt-5", "there is no provider 'opnai'; did you mean openai:gpt-5?"),
        ("antropic:claude", "there is no provider 'antropic'; did you mean anthropic:claude?"),
        ("nobody:gpt-5", "there is no provider 'nobody'"),
        ("test:x", "there is no provider 'test'"),
    ],
)
def test_a_suggestion_is_a_provider_like_the_one_that_was_asked_for(name: str, said: str) -> None:
    with pytest.raises(ModelUnknown) as refused:
        resolve(name)
    assert refused.value.reason == said


def test_any_provider_of_the_sdk_resolves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "a key")
    assert resolve(" openai:gpt-5-mini ").name == "openai:gpt-5-mini"
    assert resolve("openai-chat:gpt-5-mini").name == "openai-chat:gpt-5-mini"
    assert resolve("deepseek:deepseek-chat").name == "deepseek:deepseek-chat"


@pytest.mark.slow
def test_a_missing_sdk_names_the_extra() -> None:
    resolved = "resolve('openai:gpt-5-mini')"
    assert without("pydantic_ai", resolved) == (
        "ExtraMissing model 'openai:gpt-5-mini' needs: pip install 'perdure[openai]'"
    )
    assert without("pydantic_ai", "resolve('google-gla:gemini')").endswith("pip install 'perdure[google]'")
    assert without("pydantic_ai", "resolve('groq:llama')").endswith("pip install 'perdure[models]'")
    assert without("pydantic_ai", "resolve('antropic:claude')") == (
        "ExtraMissing model 'antropic:claude' (did you mean anthropic:claude?) needs: pip install 'perdure[anthropic]'"
    )
    assert without("openai", resolved) == "ExtraMissing model 'openai:gpt-5-mini' needs: pip install 'perdure[openai]'"
    groq = without("groq", "resolve('groq:llama')")
    assert groq.startswith("ExtraMissing model 'groq:llama' (besides pip install 'pydantic-ai-slim[groq]') needs:")


def test_a_url_and_a_model_s_name_stand_in_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_MODEL_API_KEY", "a key")
    model = resolve("openai-compatible:org/model@v2:free@http://127.0.0.1:8000/v1")
    assert isinstance(model, OpenAICompatible)
    assert model.name == "openai-compatible:org/model@v2:free@http://127.0.0.1:8000/v1"


def test_a_password_in_a_url_is_not_shown() -> None:
    model = OpenAICompatible("m", base_url="https://ana:secret@example.org:8000/v1")
    assert model.name == "openai-compatible:m@https://example.org:8000/v1"


@pytest.mark.parametrize("url", ["", "example.org/v1", "ftp://example.org", "http://", "http://[::1"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        OpenAICompatible("m", base_url=url)
    assert refused.value.field == "base_url"


def test_a_missing_sdk_is_said_at_the_first_stream_of_a_url() -> None:
    first = "resolve('openai-compatible:m@http://127.0.0.1:1/v1').stream(None)"
    assert without("pydantic_ai", first).endswith("needs: pip install 'perdure[openai]'")

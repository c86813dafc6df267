import subprocess
import sys

HEAVY = {
    "anthropic",
    "asyncpg",
    "google",
    "httpx",
    "httpx2",
    "openai",
    "opentelemetry",
    "pydantic",
    "pydantic_ai",
    "requests",
    "rich",
    "starlette",
    "typer",
    "uvicorn",
}


def loaded_by(statement: str) -> set[str]:
    """The modules that are loaded after a statement in a fresh interpreter."""
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    return set(answer.split())


def test_every_export_loads_without_a_model_sdk_a_server_or_a_terminal() -> None:
    loaded = loaded_by("from perdure import *")
    assert loaded & HEAVY == set()
    assert "perdure.errors" in loaded


def test_a_heavy_import_is_seen() -> None:
    assert "rich" in loaded_by("from perdure import *; import rich")

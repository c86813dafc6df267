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

PROBE = """
import sys, time
began = time.process_time()
{statement}
print(time.process_time() - began, *sys.modules)
"""


def probe(statement: str) -> tuple[float, set[str]]:
    """Run the import in a fresh interpreter: its CPU seconds, and the modules that were loaded then."""
    program = PROBE.format(statement=statement)
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    seconds, *loaded = answer.split()
    return float(seconds), set(loaded)


def test_every_export_loads_without_a_model_sdk_a_server_or_a_terminal() -> None:
    _, loaded = probe("from perdure import *")
    assert loaded & HEAVY == set()
    assert "perdure.errors" in loaded


def test_every_export_loads_in_120_milliseconds() -> None:
    assert min(probe("from perdure import *")[0] for _ in range(5)) < 0.120


def test_a_heavy_import_is_seen() -> None:
    assert "rich" in probe("from perdure import *; import rich")[1]

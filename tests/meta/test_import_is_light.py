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


def test_what_a_store_decides_with_is_loaded_with_the_store() -> None:
    loaded = loaded_by("from perdure import *")
    assert {module for module in loaded if module.startswith("perdure.core.decisions")} == set()
    assert loaded & {"perdure.stores.memory", "perdure.stores.sqlite", "apsw", "sqlite3"} == set()


def test_parts_of_the_standard_library_that_cost_much_are_loaded_when_they_are_needed() -> None:
    needless = loaded_by("from perdure import *") - loaded_by("import asyncio, dataclasses, msgspec")
    assert needless & {"pathlib", "urllib.parse", "ipaddress", "secrets", "hmac", "tempfile", "shutil"} == set()


def test_a_heavy_import_is_seen() -> None:
    assert "rich" in loaded_by("from perdure import *; import rich")

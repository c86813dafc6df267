"""What the processes of one demo share: a folder of files, and the settings that stand in it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

VARIABLE = "PERDURE_DEMO"
_FILE = "settings.json"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one demo.

    Shape: `workspace` holds everything that the demo writes. A `careless` sender ignores its idempotency key: the
    negative control.
    Units: `pace` is the pause before each delta of the model, `tool_for` how long a tool takes, in seconds.
    """

    workspace: str
    folder: str
    question: str
    model: str
    seed: int
    careless: bool = False
    pace: float = 0.05
    tool_for: float = 0.4

    @property
    def store(self) -> str:
        """The store's URL."""
        return f"sqlite:///{self.path('perdure.db')}"

    @property
    def ledger(self) -> Path:
        """What was really executed."""
        return self.path("ledger.jsonl")

    @property
    def outbox(self) -> Path:
        """The reports that were sent."""
        return self.path("outbox.jsonl")

    @property
    def received(self) -> Path:
        """What the reader received."""
        return self.path("received.jsonl")

    @property
    def log(self) -> Path:
        """What the processes said on stderr."""
        return self.path("processes.log")

    def path(self, name: str) -> Path:
        """A file of this demo."""
        return Path(self.workspace) / name

    def save(self) -> dict[str, str]:
        """Write the settings; the environment of a process that shares them."""
        path = self.path(_FILE)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
        return dict(os.environ) | {VARIABLE: str(path)}


def shared_settings() -> Settings:
    """The settings of the demo that this process belongs to."""
    return msgspec.json.decode(Path(os.environ[VARIABLE]).read_bytes(), type=Settings)

"""An environment for each peer in .venv-peers, made from its lock: what one peer needs can't take another one out."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = Path(__file__).parent / "locks"
ENVIRONMENTS = ROOT / ".venv-peers"


class LeftOut(Exception):
    """A peer can't take part; the text says why."""


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, which is made where it is missing or its lock has changed.

    Raises: LeftOut.
    """
    folder, lock = ENVIRONMENTS / name, LOCKS / f"{name}.txt"
    packages = LOCKS / name
    pinned = [lock, *sorted(packages.glob("*.json"))]
    wanted = hashlib.sha256(b"".join([sys.version.encode(), *(path.read_bytes() for path in pinned)])).hexdigest()
    ready, python = folder / "ready", folder / "bin" / "python"
    if ready.exists() and ready.read_text() == wanted:
        return python
    print(f"installing {name} into {folder.relative_to(ROOT)}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    _do(sys.executable, "-m", "venv", str(folder))
    _do(str(python), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", str(lock))
    if packages.is_dir():
        shutil.copytree(packages, folder, dirs_exist_ok=True)
        _do("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder)
    ready.write_text(wanted)
    return python


def _do(*command: str, cwd: Path = ROOT) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LeftOut(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        raise LeftOut(f"not installed: {last_line(done.stderr or done.stdout)}")


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"

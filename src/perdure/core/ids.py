"""Ids: who made them, what they may look like, and the ones that are derived."""

from __future__ import annotations

import itertools
import os
from random import Random

from perdure.core.canonical import canonical_hash
from perdure.errors import IdInvalid

MAX_ID_BYTES = 512

# Seeded by the system, once a process: to ask it for each id costs a system call. Nothing here is a secret.
_random = Random(os.urandom(32))
_process = os.urandom(6).hex()
_counter = itertools.count()


def _begin_again() -> None:
    global _process  # noqa: PLW0603 - a process has one
    _random.seed(os.urandom(32))
    _process = os.urandom(6).hex()


os.register_at_fork(after_in_child=_begin_again)


def check_id(field: str, value: object) -> str:
    """Return the id, or refuse it.

    Raises: IdInvalid where it is no text, empty, over 512 bytes of UTF-8, or holds a NUL or a lone surrogate.
    """
    if type(value) is str and value.isascii() and "\0" not in value and 0 < len(value) <= MAX_ID_BYTES:
        return value  # as nearly all are
    if not isinstance(value, str):
        raise IdInvalid(field, f"an id is text, not {type(value).__name__}")
    if not value:
        raise IdInvalid(field, "an id may not be empty")
    if "\0" in value:
        raise IdInvalid(field, "an id may not hold a NUL")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise IdInvalid(field, "an id may not hold a lone surrogate") from None
    if size > MAX_ID_BYTES:
        raise IdInvalid(field, f"an id has at most {MAX_ID_BYTES} bytes, this one has {size}")
    return value


def new_id(prefix: str) -> str:
    """A fresh id: `prefix_` and 32 hex digits, of which 80 bits are random.

    Ids of one process follow each other in order, so that their rows lie side by side in an index.
    """
    return f"{prefix}_{_process}{next(_counter):012x}{_random.getrandbits(32):08x}"


def new_seed() -> str:
    """A fresh seed for a run's uuid() and random()."""
    return f"{_random.getrandbits(128):032x}"


def new_worker_id() -> str:
    """A worker id: `host:pid:process start token:random`, new at each call."""
    pid = os.getpid()
    return f"{os.uname().nodename}:{pid}:{start_token(pid)}:{os.urandom(4).hex()}{next(_counter)}"


def start_token(pid: int) -> str:
    """What tells this process from a later one with the same pid: its start in clock ticks since boot, else 0.

    Source: proc(5), field 22 of /proc/PID/stat.
    """
    try:
        stat = _read(f"/proc/{pid}/stat")
    except OSError:
        return "0"
    return stat.rpartition(b")")[2].split()[19].decode()


def boot_id() -> str:
    """The machine's current boot, or an empty text where it does not say."""
    try:
        return _read("/proc/sys/kernel/random/boot_id").decode("ascii").strip()
    except OSError:
        return ""


def _read(path: str) -> bytes:
    from pathlib import Path  # noqa: PLC0415 - it loads much, and a process asks once

    return Path(path).read_bytes()


def step_id(run_id: str, position: str, name: str) -> str:
    """A step's stable id: the canonical hash of run, position and name."""
    return canonical_hash({"run_id": run_id, "position": position, "name": name})


def idempotency_key(tenant: str | None, run_id: str, position: str) -> str:
    """What an outside service may refuse a second call by: the same for each attempt, retry and takeover."""
    return canonical_hash({"tenant": tenant, "run_id": run_id, "position": position})[:40]


def random_bits(bits: int) -> int:
    """A random number below 2^bits."""
    return _random.getrandbits(bits)


def random_share() -> float:
    """A random number in [0, 1), for jitter."""
    return _random.random()


def derived_random(seed: bytes) -> Random:
    """A source of random numbers that a seed decides."""
    return Random(seed)

"""The comparison: each system in a new process with a new store, one after the other, in rounds that begin elsewhere.

The figures are the medians of the rounds. What is synced is counted in one more round, under strace, which is not
timed. A peer that can't be installed, fails, or gives a wrong result is left out with its reason.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.peers.environments import ROOT, LeftOut, last_line, python_of
from benchmarks.peers.table import Result, as_json, table

OURS: tuple[str, ...] = ("perdure", "floor")
PEERS: tuple[str, ...] = ("dbos", "langgraph", "restate", "absurd")
ROUNDS = 5
TIMEOUT = 300.0
STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "signal=none", "-e", "trace=fsync,fdatasync,syncfs", "-o")

Answer = dict[str, float | str]


def compare(store_folder: Path, *, to_json: bool, rounds: int = ROUNDS) -> None:
    """Measure every system, and print a table, and a last line of JSON where it is asked for."""
    pythons, left_out = _interpreters()
    answers: dict[str, list[Answer]] = {name: [] for name in pythons}
    for number in range(rounds + 1):
        traced = number == rounds
        if traced and shutil.which(STRACE[0]) is None:
            continue
        names = [name for name in pythons if name not in left_out]
        for name in names[number % len(names) :] + names[: number % len(names)]:
            print(f"{'count' if traced else f'round {number + 1}'}: {name}", file=sys.stderr)
            try:
                answers[name].append(_run(name, pythons[name], store_folder, traced=traced))
            except LeftOut as error:
                if name in OURS:
                    raise
                left_out[name] = str(error)
    results = {name: result_of(given) for name, given in answers.items() if name not in left_out}
    print(table(results, left_out, rounds))
    if to_json:
        print(json.dumps(as_json(results, left_out, rounds)))


def result_of(answers: list[Answer]) -> Result:
    """The medians of the timed rounds, and the counts of the one that was traced, if one was."""
    timed = [answer for answer in answers if "a_syncs_per_step" not in answer]
    counted = next((answer for answer in answers if "a_syncs_per_step" in answer), None)
    return Result(
        version=str(timed[0]["version"]),
        durability=str(timed[0]["durability"]),
        a_steps_per_s=statistics.median(float(answer["a_steps_per_s"]) for answer in timed),
        b_runs_per_s=statistics.median(float(answer["b_runs_per_s"]) for answer in timed),
        a_syncs_per_step=None if counted is None else float(counted["a_syncs_per_step"]),
        b_syncs_per_run=None if counted is None else float(counted["b_syncs_per_run"]),
    )


def _interpreters() -> tuple[dict[str, Path], dict[str, str]]:
    pythons = dict.fromkeys(OURS, Path(sys.executable))
    left_out: dict[str, str] = {}
    for name in PEERS:
        try:
            pythons[name] = python_of(name)
        except LeftOut as error:
            left_out[name] = str(error)
    return pythons, left_out


def _run(name: str, python: Path, store_folder: Path, *, traced: bool) -> Answer:
    with tempfile.TemporaryDirectory(dir=store_folder, prefix=".bench-") as made:
        folder = Path(made).resolve()
        folder.chmod(0o711)  # a server that may not run as root has to get to its folder
        command = [str(python), "-m", f"benchmarks.peers.systems.{name}", str(folder)]
        if traced:
            trace = folder / "trace"
            command = [*STRACE, str(trace), *command, "--trace", str(trace)]
        return json.loads(last_line(_output(command)))


def _output(command: list[str]) -> str:
    child = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, err = child.communicate(timeout=TIMEOUT)
    except BaseException as error:  # an interrupt too: the session of the child does not hear of it
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise LeftOut(f"took more than {TIMEOUT:.0f} seconds") from None
        raise
    if child.returncode != 0:
        raise LeftOut(f"failed: {last_line(err)}")
    return out

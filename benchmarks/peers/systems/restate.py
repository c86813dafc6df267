"""Restate: its server, the service in a process of its own, and 100 connections that call it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import restate

from benchmarks.peers.servers import free_port, listens, wait_for
from benchmarks.peers.system import System, answer

CONNECTIONS = 100
SERVER = "node_modules/@restatedev/restate-server-*/bin/restate-server"

counter = restate.Service("Counter")


@counter.handler()
async def count(ctx: restate.Context, steps: int) -> int:
    return sum([await ctx.run_typed("step", lambda number=number: number) for number in range(steps)])


app = restate.app(services=[counter])


@contextmanager
def start(folder: Path) -> Generator[System]:
    ingress, admin, node, service = (free_port() for _ in range(4))
    (program,) = Path(sys.prefix).glob(SERVER)
    server = _server(program, folder, ingress, admin, node)
    hypercorn = [sys.executable, "-m", "hypercorn", "-b", f"127.0.0.1:{service}", f"{__spec__.name}:app"]
    handlers = subprocess.Popen(hypercorn, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(server, lambda: listens(ingress) and listens(admin))
        wait_for(handlers, lambda: listens(service))
        with asyncio.Runner() as runner:
            runner.run(_register(admin, service))
            yield System(
                version=json.loads((program.parents[1] / "package.json").read_text())["version"],
                durability=_durability(program),
                one=lambda steps: runner.run(_many(ingress, 1, steps))[0],
                many=lambda runs, steps: runner.run(_many(ingress, runs, steps)),
            )
    finally:
        for child in (handlers, server):
            child.terminate()
            child.wait()


def _server(program: Path, folder: Path, ingress: int, admin: int, node: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_INGRESS__BIND_PORT": str(ingress),
        "RESTATE_ADMIN__BIND_PORT": str(admin),
    }
    command = [program, "--no-logo", "--listen-mode", "tcp", "--bind-ip", "127.0.0.1", "--bind-port", str(node)]
    command += ["--advertised-host", "127.0.0.1", "--base-dir", folder / "restate"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _durability(program: Path) -> str:
    settings = subprocess.run([program, "--dump-config"], check=True, capture_output=True, text=True).stdout
    return f"RocksDB, fsync of its log {'off' if 'rocksdb-disable-wal-fsync = true' in settings else 'on'}"


async def _register(admin: int, service: int) -> None:
    async with aiohttp.ClientSession() as session:
        address = {"uri": f"http://127.0.0.1:{service}"}
        async with session.post(f"http://127.0.0.1:{admin}/deployments", json=address) as reply:
            reply.raise_for_status()


async def _many(ingress: int, runs: int, steps: int) -> list[int]:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, raise_for_status=True) as session:

        async def one() -> int:
            async with session.post(f"http://127.0.0.1:{ingress}/Counter/count", json=steps) as reply:
                return await reply.json()

        return await asyncio.gather(*(one() for _ in range(runs)))


if __name__ == "__main__":
    answer(start)

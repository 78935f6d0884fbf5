"""The reverse proxy against nginx, in one run (contracts: performance.md A and B).

`python -m benchmarks proxy [--rounds N] [--seconds S] [--only NAME]...`. Needs nginx, wrk and
taskset. The proxies are on core 0 with one worker, load and backend on core 1; latency is taken
unpinned. Each ratio is the median over interleaved rounds of ours / nginx in the same round. CPU
for a thousand requests is the figure to trust; rates depend on who else uses the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.proxy.load import Result, measure, sockets, wrk
from benchmarks.proxy.processes import (
    BACKEND,
    YARDSTICK,
    Started,
    free_port,
    start,
    start_nginx,
    start_ours,
)
from benchmarks.proxy.report import Row, print_table, save

PROXY_CORE, LOAD_CORE = "0", "1"
TARGETS = ("nginx", "relay", "relay-uvloop")


class Field:
    """All servers of a run."""

    def __init__(self, folder: Path) -> None:
        root = folder / "files"
        root.mkdir()
        for name, size in (("10k", 10 * 1024), ("100k", 100 * 1024), ("10m", 10 * 1024 * 1024)):
            (root / f"{name}.bin").write_bytes(os.urandom(size))
        (root / "index.html").write_text("<head></head>")
        ports = {name: free_port() for name in ("backend", "echo", "proxy", "files", *TARGETS)}
        self.started: list[Started] = []
        self.backend = self._add(
            start_nginx(
                "backend",
                folder,
                ports["backend"],
                BACKEND.format(port=ports["backend"], root=root, body="x" * 1024),
                LOAD_CORE,
            )
        )
        echo = [sys.executable, "-m", "benchmarks.proxy.websocket", str(ports["echo"])]
        self.echo = self._add(start("echo", echo, ports["echo"], LOAD_CORE))
        yardstick = YARDSTICK.format(
            port=ports["nginx"],
            files=ports["files"],
            backend=ports["backend"],
            echo=ports["echo"],
            root=root,
        )
        nginx = self._add(start_nginx("nginx", folder, ports["nginx"], yardstick, PROXY_CORE))
        self.files = Started("nginx", ports["files"], nginx.process)
        self.proxies = {"nginx": nginx}
        apps = f"{ports['backend']},{ports['echo']}"
        for name, loop in (("relay", "asyncio"), ("relay-uvloop", "uvloop")):
            server = start_ours(name, loop, ports[name], apps, root, PROXY_CORE)  # type: ignore[arg-type]
            self.proxies[name] = self._add(server)

    def _add(self, server: Started) -> Started:
        self.started.append(server)
        return server

    def unpin(self) -> None:
        """Let every server run on any core."""
        for server in self.started:
            for pid in server.pids():
                os.sched_setaffinity(pid, range(os.cpu_count() or 1))

    def stop(self) -> None:
        for server in reversed(self.started):
            server.stop()


def _scenarios(field: Field, seconds: int) -> dict[str, Callable[[Started], Result]]:
    def http(
        path: str,
        connections: int,
        host: str = "app.localhost",
        cores: str = LOAD_CORE,
        new_heads: bool = False,
    ) -> Callable[[Started], Result]:
        def run(server: Started) -> Result:
            load = wrk(
                server,
                path,
                host,
                connections=connections,
                seconds=seconds,
                cores=cores,
                new_heads=new_heads,
            )
            return measure(server, load)

        return run

    def websocket(window: int) -> Callable[[Started], Result]:
        def run(server: Started) -> Result:
            return measure(server, sockets(server, window=window, seconds=seconds))

        return run

    def static(server: Started) -> Result:
        target = field.files if server.name == "nginx" else server
        return http("/10k.bin", 64, "static.localhost")(target)

    return {
        "1 KB": http("/1k", 64),
        "1 KB new heads": http("/1k", 64, new_heads=True),
        "100 KB": http("/100k.bin", 64),
        "10 MB": http("/10m.bin", 8),
        "WebSocket": websocket(1),
        "WebSocket x16": websocket(16),
        "static 10 KB": static,
        "latency": http("/1k", 1, cores=""),
    }


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks proxy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args(argv)
    rows: list[Row] = []
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    with tempfile.TemporaryDirectory(prefix="bench-proxy-") as name:
        field = Field(Path(name))
        try:
            for scenario, run in _scenarios(field, options.seconds).items():
                if options.only and scenario not in options.only:
                    continue
                if scenario == "latency":
                    field.unpin()
                rows += _rounds(field, scenario, run, options.rounds)
        finally:
            field.stop()
    print_table(rows)
    save(rows)
    return 0


def _rounds(
    field: Field, scenario: str, run: Callable[[Started], Result], rounds: int
) -> list[Row]:
    """A B C, C B A, A B C ...: whatever drifts, drifts for all."""
    servers = dict(field.proxies)
    if scenario == "latency":
        servers["direct"] = field.backend
    results: dict[str, list[Result]] = {name: [] for name in servers}
    for number in range(rounds):
        names = list(servers) if number % 2 == 0 else list(reversed(servers))
        for name in names:
            results[name].append(run(servers[name]))
    return [Row(scenario, name, results[name], results) for name in servers]

"""Git against git's own servers, in the same run: over HTTP `git http-backend` behind nginx and
fcgiwrap, over SSH OpenSSH's sshd. And what a clone costs the requests to an app.

Rounds are interleaved, medians compared. `python -m benchmarks git [--only TEXT] [--keep DIR]`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.git import repos
from benchmarks.git.cases import Case, all_cases
from benchmarks.git.latency import MOST, added_latency
from benchmarks.git.openssh import client, openssh
from benchmarks.git.servers import Ours, Server, free_port, http_backend, spaceport
from benchmarks.proxy.processes import BACKEND, start_nginx

RESULTS = Path(__file__).parent.parent / "results"
MEMORY = 200
"""MiB: the most that all processes of ours may have together in any case."""
LATENCY = "requests to an app meanwhile"


class PeakMemory:
    """The most memory that a server's processes have together, looked at all the time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stop = threading.Event()
        self.peak = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.peak = max(self.peak, self._server.memory())


def measure(case: Case, servers: list[Server], scratch: Path) -> dict[str, Any]:
    """Interleaved rounds of one case, ours first; one more before them is not counted."""
    ours, theirs = (server.name for server in servers)
    seconds: dict[str, list[float]] = {server.name: [] for server in servers}
    cpu: dict[str, list[float]] = {server.name: [] for server in servers}
    peak = {server.name: 0 for server in servers}
    first: dict[str, float] = {}
    for number in range(case.rounds + 1):
        for server in servers if number % 2 else servers[::-1]:
            before = server.cpu()
            with PeakMemory(server) as memory:
                taken = case.run(server, scratch)
            peak[server.name] = max(peak[server.name], memory.peak)
            if number:
                seconds[server.name].append(taken)
                cpu[server.name].append(server.cpu() - before)
            else:
                first[server.name] = taken
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    used = {name: statistics.median(values) for name, values in cpu.items()}
    fast = medians[ours] <= case.goal * medians[theirs] and used[ours] <= case.most_cpu
    return {
        "case": case.name,
        "against": theirs,
        "goal": case.goal,
        "ratio": medians[ours] / medians[theirs],
        "met": fast and peak[ours] >> 20 < MEMORY,
        "seconds": medians,
        "first": first,
        "cpu": used,
        "peak_mib": {name: value >> 20 for name, value in peak.items()},
        "all": seconds,
    }


def main(argv: list[str] | None = None) -> int:
    """Run the cases; gives 1 when a goal was missed."""
    parser = argparse.ArgumentParser(prog="benchmarks git")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--keep", type=Path, help="a folder in which repositories are kept")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="bench-git-") as temporary:
        base = options.keep or Path(temporary)
        root = base / "repositories"
        root.mkdir(parents=True, exist_ok=True)
        for make in (repos.small, repos.many_objects, repos.large, repos.many_refs):
            make(root)
        scratch = Path(temporary) / "scratch"
        scratch.mkdir()
        results: list[dict[str, Any]] = []
        with ExitStack() as running:
            field = _start(running, root, Path(temporary))
            print(_HEAD)
            for case in all_cases(root):
                if options.only in case.name:
                    pair = field.ssh if case.ssh else field.http
                    results.append(measure(case, pair, scratch))
                    print(_row(results[-1]), flush=True)
            if options.only in LATENCY:
                results.append(_meanwhile(field, scratch))
    RESULTS.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    (RESULTS / f"git-{stamp}.json").write_text(json.dumps(results, indent=1))
    return 0 if all(result["met"] for result in results) else 1


@dataclass(frozen=True)
class Field:
    """All servers of a run; of each pair ours is the first."""

    ours: Ours
    http: list[Server]
    ssh: list[Server]
    app: int


def _start(running: ExitStack, root: Path, folder: Path) -> Field:
    app = free_port()
    config = BACKEND.format(port=app, root=folder, body="x" * 1024)
    running.callback(start_nginx("app", folder, app, config, "").stop)
    env = client(folder / "keys")
    ours, by_ssh = spaceport(root, folder / "spaceport", app, env)
    running.callback(ours.stop)
    backend = http_backend(root, folder / "backend")
    running.callback(backend.stop)
    sshd = openssh(root, folder / "openssh", folder / "keys", env)
    running.callback(sshd.stop)
    return Field(ours, [ours, backend], [by_ssh, sshd], app)


def _meanwhile(field: Field, scratch: Path) -> dict[str, Any]:
    with PeakMemory(field.ours) as memory:
        medians = added_latency(field.ours, field.app, scratch)
    met = medians["added"] < MOST and memory.peak >> 20 < MEMORY
    straight, proxied, added, late = (1000 * value for value in medians.values())
    print(
        f"{LATENCY}: {proxied:.2f} ms through the proxy, {straight:.2f} ms without; added in the "
        f"median {added:.2f} ms (goal: below {1000 * MOST:.0f}), at the 99th percentile "
        f"{late:.2f} ms{'' if met else '  MISSED'}"
    )
    return {"case": LATENCY, "seconds": medians, "met": met, "peak_mib": memory.peak >> 20}


_HEAD = (
    f"{'case':28} {'ours s':>9} {'theirs s':>9} {'ratio':>6} {'goal':>5}  "
    f"{'first s':>8} {'cpu s':>7} {'theirs':>7} {'MiB':>5} {'theirs':>6}"
)


def _row(result: dict[str, Any]) -> str:
    def pair(key: str) -> tuple[float, float]:
        return result[key]["spaceport"], result[key][result["against"]]

    seconds, cpu, peak = pair("seconds"), pair("cpu"), pair("peak_mib")
    mark = "" if result["met"] else "  MISSED"
    return (
        f"{result['case']:28} {seconds[0]:9.4f} {seconds[1]:9.4f} {result['ratio']:6.2f} "
        f"{result['goal']:5.2f}  {result['first']['spaceport']:8.3f} {cpu[0]:7.3f} {cpu[1]:7.3f} "
        f"{peak[0]:5.0f} {peak[1]:6.0f}{mark}"
    )

"""Git over HTTP against `git http-backend` behind nginx and fcgiwrap, in the same run.

Rounds are interleaved, medians compared. `python -m benchmarks git [--only TEXT] [--keep DIR]`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.git import repos
from benchmarks.git.cases import Case, all_cases
from benchmarks.git.servers import Server, http_backend, spaceport

RESULTS = Path(__file__).parent.parent / "results"


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
    """Interleaved rounds of one case; one more round before them is not counted."""
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
    ours, theirs = (statistics.median(seconds[name]) for name in ("spaceport", "http-backend"))
    return {
        "case": case.name,
        "goal": case.goal,
        "ratio": ours / theirs,
        "met": ours <= case.goal * theirs,
        "seconds": {name: statistics.median(values) for name, values in seconds.items()},
        "first": first,
        "cpu": {name: statistics.median(values) for name, values in cpu.items()},
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
        servers = [
            spaceport(root, Path(temporary) / "spaceport"),
            http_backend(root, Path(temporary) / "backend"),
        ]
        results = []
        try:
            print(_HEAD)
            for case in all_cases(root):
                if options.only in case.name:
                    results.append(measure(case, servers, scratch))
                    print(_row(results[-1]), flush=True)
        finally:
            for server in servers:
                server.stop()
    RESULTS.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    (RESULTS / f"git-{stamp}.json").write_text(json.dumps(results, indent=1))
    return 0 if all(result["met"] for result in results) else 1


_HEAD = (
    f"{'case':28} {'ours s':>9} {'theirs s':>9} {'ratio':>6} {'goal':>5}  "
    f"{'first s':>8} {'cpu s':>7} {'theirs':>7} {'MiB':>5} {'theirs':>6}"
)


def _row(result: dict[str, Any]) -> str:
    def pair(key: str) -> tuple[float, float]:
        return result[key]["spaceport"], result[key]["http-backend"]

    seconds, cpu, peak = pair("seconds"), pair("cpu"), pair("peak_mib")
    mark = "" if result["met"] else "  MISSED"
    return (
        f"{result['case']:28} {seconds[0]:9.4f} {seconds[1]:9.4f} {result['ratio']:6.2f} "
        f"{result['goal']:5.2f}  {result['first']['spaceport']:8.3f} {cpu[0]:7.3f} {cpu[1]:7.3f} "
        f"{peak[0]:5.0f} {peak[1]:6.0f}{mark}"
    )

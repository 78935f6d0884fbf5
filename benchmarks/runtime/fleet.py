"""A Spaceport with Spaces of one kind, and what can be seen of them from outside."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.live import GRADIO_APP, cpu_seconds, family, proportional_memory, write_space
from benchmarks.report import Report
from config.engine import EngineSettings
from runtime.engine.choose import choose
from runtime.engine.reclaim import swap_size
from spaceport.engine import LABEL_REPLICA, LABEL_SPACE, Engine, Observed
from tests.e2e.conftest import instance_of, remove_leftovers
from tests.e2e.server import Server
from tests.swap import swap_area
from tests.waiting import eventually

MIB = 2**20
NEVER = 10**6  # seconds
USER = "bench"
SMALL_APP = """
import http.server, json, threading, time
VERSION = "{version}"
def work():
    while True:
        sum(range(20_000))
        time.sleep(0.05)
{work}
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({{"title": VERSION}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""


def gradio_app(version: str) -> str:
    return GRADIO_APP.format(version=version)


def small_app(version: str, *, busy: bool = False) -> str:
    work = "threading.Thread(target=work, daemon=True).start()" if busy else ""
    return SMALL_APP.format(version=version, work=work)


@dataclass
class Fleet:
    """`server` is not started yet; `ladder` says when its Spaces go down."""

    server: Server

    @classmethod
    def on(cls, folder: Path, engine: str) -> Fleet:
        server = Server(folder, engine)
        server.settings["SPACEPORT__BUILDER__PREWARM"] = "false"
        return cls(server)

    def start(
        self, *, freeze: float = 0, swap: float = 0, sleep: float = NEVER, prestart: int = 0
    ) -> None:
        """Start it, or start it anew with other times; Spaces stay. `prestart`: processes that
        wait with their SDK imported."""
        self.server.settings["SPACEPORT__RUNTIME__PRESTART__TOTAL"] = str(prestart)
        for name, seconds in (("FREEZE_AFTER", freeze), ("SWAP_AFTER", swap)):
            self.server.settings[f"SPACEPORT__RUNTIME__{name}"] = str(seconds)
        self.server.settings["SPACEPORT__RUNTIME__SLEEP_FREE"] = str(int(sleep))
        self.server.stop()
        self.server.start()
        self.server.user(USER)

    def remove(self) -> None:
        if (self.server.data / "ledger.sqlite3").exists():
            remove_leftovers(self.server)

    def push(self, name: str, code: str) -> None:
        """Make the Space if need be, and push `code`."""
        space = f"{USER}/{name}"
        if not (self.server.folder / name).exists():
            self.server.create_space(space, "gradio")
        source = write_space(self.server.folder / name, "gradio", {"app.py": code})
        if (pushed := self.server.push(space, source)).returncode:
            raise SystemExit(pushed.stderr)

    def run(self, name: str, numbers: Iterable[int], code: str) -> list[str]:
        """Push the same to a Space for each number; return their names once all of them run."""
        names = [f"{name}-{number}" for number in numbers]
        for one in names:
            self.push(one, code)
        for one in names:
            self.server.reaches(f"{USER}/{one}", "RUNNING", timeout=900)
        return names

    def host(self, name: str) -> str:
        return self.server.app_host(f"{USER}/{name}")

    def visit(self, host: str) -> float:
        """Seconds until the whole answer of the app is here."""
        started = time.monotonic()
        answer = self.server.get("/config", host=host, timeout=60)
        if answer.status != 200:
            raise SystemExit(f"{answer.status} {answer.text[:200]}")
        return time.monotonic() - started

    # what the ledger says

    def rows(self, query: str, *values: str) -> list[tuple[str, ...]]:
        with sqlite3.connect(self.server.data / "ledger.sqlite3") as ledger:
            return [tuple(row) for row in ledger.execute(query, values)]

    def states(self, name: str) -> list[str]:
        """Of the living replicas of the Spaces whose names begin with `name`."""
        query = """SELECT replicas.state FROM replicas JOIN spaces ON spaces.key = space_key
                   WHERE spaces.name LIKE ? AND replicas.state != 'gone'"""
        return [row[0] for row in self.rows(query, f"{name}%")]

    def await_states(self, name: str, states: list[str], timeout: float = 300) -> None:
        eventually(lambda: self.states(name) == states, timeout=timeout)

    # what the engine says

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        kind, data = self.server.engine, self.server.data
        made = choose(kind, EngineSettings(), data, instance_of(self.server))  # type: ignore[arg-type]
        try:
            yield made
        finally:
            made.close()

    def containers(self) -> dict[str, list[Observed]]:
        """By Space."""
        found: dict[str, list[Observed]] = defaultdict(list)
        with self.engine() as engine:
            for one in engine.list({}):
                if LABEL_REPLICA in one.labels:
                    found[one.labels[LABEL_SPACE]].append(one)
        return found

    def memory(self) -> list[int]:
        """Bytes in memory of each app's container, as its control group counts them."""
        with self.engine() as engine:
            found = [one for one in engine.list({}) if LABEL_REPLICA in one.labels]
            return [engine.usage(one.handle).memory for one in found]

    def processes(self) -> list[int]:
        """Of all apps."""
        with self.engine() as engine:
            found = [one for one in engine.list({}) if LABEL_REPLICA in one.labels]
            pids = [engine.inspect(one.handle).pid for one in found]
        return [process for pid in pids if pid for process in family(pid)]

    # what Spaceport itself costs

    def own_cost(self, seconds: float = 30.0) -> tuple[float, float]:
        """Per cent of a core, and MiB (PSS), of all its processes."""
        if self.server.process is None:
            raise SystemExit("the server has ended")
        tree = family(self.server.process.pid)
        return cpu_share(tree, seconds), sum(map(proportional_memory, tree)) / MIB


def cpu_share(pids: list[int], seconds: float) -> float:
    """Per cent of one core."""
    before, started = cpu_seconds(pids), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_seconds(pids) - before) / (time.monotonic() - started)


def told(report: Report, what: str, seconds: list[float], goal: str = "") -> None:
    """p50 and p95 in milliseconds."""
    ordered = sorted(seconds)
    report.value(f"{what}, p50", statistics.median(ordered) * 1000, "ms")
    late = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    report.value(f"{what}, p95 {goal}".rstrip(), late * 1000, "ms")


def with_swap(folder: Path, megabytes: int, measure: Callable[[], None]) -> None:
    """Measure on a host that swaps: the host's own, or an area made for as long as it takes."""
    if swap_size(Path("/proc/swaps")):
        measure()
        return
    try:
        with swap_area(folder, megabytes):
            measure()
    except pytest.skip.Exception as why:
        print(f"    not measured swapped out: {why}")

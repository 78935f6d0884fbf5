"""From a visit to the first answer of an app that was frozen or stopped; what frozen ones hold.

- a Gradio Space that is frozen: a visit, to the complete answer, over and over;
- the same Space asleep (stopped): from the visit that wakes it to its first 200, with and without
  a process that waits with Gradio imported;
- small Spaces: memory and CPU of their processes while they run, and frozen.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.live import (
    GRADIO_APP,
    cpu_seconds,
    family,
    proportional_memory,
    write_space,
)
from benchmarks.prestart import cpu_of_machine, one_waits
from benchmarks.report import Report
from tests.e2e.conftest import docker, instance_of, remove_leftovers
from tests.e2e.server import Server
from tests.waiting import eventually

FREEZE_AFTER = 1.0
SMALL_APP = """
import http.server, threading, time
def work():
    while True:
        sum(range(20_000))
        time.sleep(0.05)
threading.Thread(target=work, daemon=True).start()
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"hi")
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks wake")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--stopped", type=int, default=5, help="rounds from stop")
    parser.add_argument("--spaces", type=int, default=20, help="small Spaces frozen together")
    options = parser.parse_args(argv)
    report = Report("wake")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "spaceport")
        ladder(server, freeze=FREEZE_AFTER)
        server.start()
        try:
            server.user("bench")
            frozen(server, report, options.rounds)
            restarted(server, freeze=0, sleep=2)
            stopped(server, report, options.stopped)
            restarted(server, freeze=0, sleep=2, prestart=1)
            stopped(server, report, options.stopped, prepared=True)
            server.delete_space("bench/gradio")
            restarted(server, freeze=0)
            many(server, report, options.spaces)
        finally:
            remove_leftovers(server)
    report.finish()


def ladder(server: Server, freeze: float, sleep: int | None = None, prestart: int = 0) -> None:
    server.settings["SPACEPORT__RUNTIME__PRESTART__TOTAL"] = str(prestart)
    server.settings["SPACEPORT__RUNTIME__FREEZE_AFTER"] = str(freeze)
    server.settings["SPACEPORT__RUNTIME__SLEEP_FREE"] = str(sleep or 10**6)
    server.settings["SPACEPORT__BUILDER__PREWARM"] = "false"


def restarted(server: Server, freeze: float, sleep: int | None = None, prestart: int = 0) -> None:
    server.stop()
    ladder(server, freeze, sleep, prestart)
    server.start()


def states(server: Server, name: str) -> list[str]:
    """Of the living replicas of the Spaces whose names begin with `name`."""
    query = """SELECT replicas.state FROM replicas JOIN spaces ON spaces.key = space_key
               WHERE spaces.name LIKE ? AND replicas.state != 'gone'"""
    with sqlite3.connect(server.data / "ledger.sqlite3") as rows:
        return [row[0] for row in rows.execute(query, (f"{name}%",))]


def push(server: Server, space: str, code: str) -> None:
    server.create_space(space, "gradio")
    source = write_space(server.folder / space.replace("/", "-"), "gradio", {"app.py": code})
    if (pushed := server.push(space, source)).returncode:
        raise SystemExit(pushed.stderr)


def told(report: Report, what: str, seconds: list[float], goal: str = "") -> None:
    ordered = sorted(seconds)
    report.value(f"{what}, p50", statistics.median(ordered) * 1000, "ms")
    late = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    report.value(f"{what}, p95 {goal}".rstrip(), late * 1000, "ms")


def frozen(server: Server, report: Report, rounds: int) -> None:
    push(server, "bench/gradio", GRADIO_APP.format(version="1"))
    server.reaches("bench/gradio", "RUNNING", timeout=300)
    host = server.app_host("bench/gradio")
    running, woken = [], []
    for _ in range(rounds):
        eventually(lambda: states(server, "gradio") == ["frozen"], timeout=30)
        time.sleep(0.2)  # the row is written before the engine is asked
        woken.append(timed(server, host))
        running.append(timed(server, host))
    told(report, "Gradio, running: one answer of /config", running)
    told(report, "Gradio, frozen: visit to the whole answer", woken, "(goal: under 200 ms)")


def timed(server: Server, host: str) -> float:
    started = time.monotonic()
    answer = server.get("/config", host=host)
    if answer.status != 200:
        raise SystemExit(f"{answer.status} {answer.text[:200]}")
    return time.monotonic() - started


def stopped(server: Server, report: Report, rounds: int, *, prepared: bool = False) -> None:
    host, taken, used = server.app_host("bench/gradio"), [], []
    for number in range(rounds + 1):
        server.reaches("bench/gradio", "SLEEPING", timeout=60)
        eventually(lambda: states(server, "gradio") == [], timeout=60)
        if prepared and number:
            eventually(lambda: one_waits(server), timeout=60)
            time.sleep(1.5)  # until Spaceport has seen it, too
        started, busy = time.monotonic(), cpu_of_machine()
        eventually(lambda: server.get("/config", host=host).status == 200, timeout=60, every=0.01)
        if number:  # the first brings the process that waits for the next
            taken.append(time.monotonic() - started)
            used.append(cpu_of_machine() - busy)
    how = "in a process that waited (goal: under 1.5 s)" if prepared else "plainly"
    told(report, f"Gradio, stopped, started {how}: visit to the first 200", taken)
    report.value("... CPU of the whole machine meanwhile, median", statistics.median(used), "s")


def many(server: Server, report: Report, count: int) -> None:
    for number in range(count):
        push(server, f"bench/small-{number}", SMALL_APP)
    for number in range(count):
        server.reaches(f"bench/small-{number}", "RUNNING", timeout=300)
    measured(server, report, f"{count} small Spaces, running")
    restarted(server, freeze=FREEZE_AFTER)
    eventually(lambda: states(server, "small") == ["frozen"] * count, timeout=60)
    time.sleep(1.0)
    measured(server, report, f"{count} small Spaces, frozen")


def measured(server: Server, report: Report, what: str, seconds: float = 10.0) -> None:
    label = f"label=spaceport.instance={instance_of(server)}"
    containers = docker("ps", "-q", "--filter", label).split()
    pids = docker("inspect", "-f", "{{.State.Pid}}", *containers).split()
    tree = [process for pid in pids for process in family(int(pid))]
    before, started = cpu_seconds(tree), time.monotonic()
    time.sleep(seconds)
    share = (cpu_seconds(tree) - before) / (time.monotonic() - started)
    memory = sum(map(proportional_memory, tree)) / 2**20
    report.value(f"{what}: memory (PSS) of each", memory / max(1, len(pids)), "MiB")
    report.value(f"{what}: CPU of all", share * 100, "%")

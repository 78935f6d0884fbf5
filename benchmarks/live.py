"""From a push to an answer, and what an idle control plane costs.

- code-only pushes to a Gradio Space under 50 requests a second: time to the first answer of the new
  version, beside the bare start of the same app (same base, environment and limits, started by hand
  with `docker run` in the same run), and how many requests failed during the swaps;
- the same once more with processes that wait with Gradio imported;
- a static Space: from the end of the push to the new content;
- 50 stopped Spaces: CPU and memory of Spaceport while nobody asks for anything.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.prestart import one_waits
from benchmarks.report import Report
from tests.e2e.conftest import instance_of, remove_leftovers
from tests.e2e.server import Server
from tests.waiting import eventually

GRADIO_APP = """
import gradio as gr

VERSION = "{version}"
demo = gr.Interface(lambda name: f"Hello, {{name}}!", "text", "text", title=VERSION)
demo.launch()
"""
README = "---\ntitle: Bench\nsdk: {sdk}\n---\n"


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks live")
    parser.add_argument("--deploys", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--spaces", type=int, default=50, help="stopped Spaces of the idle part")
    options = parser.parse_args(argv)
    report = Report("live")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "spaceport")
        server.settings["SPACEPORT__RUNTIME__PRESTART__TOTAL"] = "0"
        server.start()
        try:
            server.user("bench")
            gradio(server, report, options.deploys, options.rate)
            server.stop()
            server.settings["SPACEPORT__RUNTIME__PRESTART__TOTAL"] = "1"
            server.start()
            prepared(server, report, options.deploys, options.rate)
            static(server, report)
            idle(server, report, options.spaces)
        finally:
            remove_leftovers(server)
    report.finish()


def write_space(folder: Path, sdk: str, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"README.md": README.format(sdk=sdk), **files}.items():
        (folder / name).write_text(text)
    return folder


@dataclass
class Load:
    """Asks one address at a steady rate, each request on a connection of its own."""

    server: Server
    host: str
    rate: float
    seen: list[tuple[float, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    asked: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, workers: int = 8) -> None:
        for number in range(workers):
            thread = threading.Thread(target=self._ask, args=(number, workers), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _ask(self, number: int, workers: int) -> None:
        every = workers / self.rate
        due = time.monotonic() + number * every / workers
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due = max(due + every, time.monotonic() - every)
            self.asked += 1
            try:
                answer = self.server.get("/config", host=self.host, timeout=20)
            except OSError as error:
                self.failed.append(repr(error))
                continue
            if answer.status != 200:
                self.failed.append(f"{answer.status} {answer.text[:100]}")
            else:
                self.seen.append((time.monotonic(), answer.json().get("title", "")))

    def first_seen(self, title: str) -> float | None:
        return min((at for at, found in list(self.seen) if found == title), default=None)

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def push_version(server: Server, space: str, version: str) -> float:
    """When the push began."""
    source = server.folder / "gradio-app"
    write_space(source, "gradio", {"app.py": GRADIO_APP.format(version=version)})
    started = time.monotonic()
    pushed = server.push(space, source, version)
    if pushed.returncode:
        raise SystemExit(pushed.stderr)
    return started


def prepared(server: Server, report: Report, deploys: int, rate: float) -> None:
    """The same pushes, each when a process waits."""
    space = "bench/gradio"
    load = Load(server, server.app_host(space), rate)
    load.start()
    live = []
    for number in range(1, deploys + 1):
        eventually(lambda: one_waits(server), timeout=60)
        time.sleep(1.5)  # until Spaceport has seen it, too
        started = push_version(server, space, wanted := f"prepared {number}")
        pushed = time.monotonic()
        seen = eventually(lambda title=wanted: load.first_seen(title), timeout=120)
        live.append((seen - started, seen - pushed))
    load.stop()
    for what, at in (("start", 0), ("end (goal: under 2 s)", 1)):
        report.value(
            "code-only push into a process that waited, to the first new answer, from the "
            f"{what} of git push, median",
            statistics.median(one[at] for one in live),
            "s",
        )
    report.value("... of which failed (goal: 0)", len(load.failed), "")
    server.delete_space(space)


def gradio(server: Server, report: Report, deploys: int, rate: float) -> None:
    """Leaves the Space for `prepared`."""
    space = "bench/gradio"
    server.create_space(space, "gradio")

    def push(version: str) -> float:
        return push_version(server, space, version)

    started = push("version 0")
    server.reaches(space, "RUNNING", timeout=300)
    report.value("first build, cold package cache", time.monotonic() - started, "s")
    load = Load(server, server.app_host(space), rate)
    load.start()
    bare, live = [], []
    for number in range(1, deploys + 1):
        version = f"version {number}"
        started = push(version)
        pushed = time.monotonic()
        seen = eventually(lambda wanted=version: load.first_seen(wanted), timeout=120)
        live.append((seen - started, seen - pushed))
        bare.append(bare_start(server, space))
    load.stop()
    report.value(
        "bare start of the same app (docker run to first 200), median", statistics.median(bare), "s"
    )
    report.value(
        "code-only push, from the start of git push to the first new answer, median",
        statistics.median(at for at, _ in live),
        "s",
    )
    report.value(
        "code-only push, from the end of git push to the first new answer, median",
        statistics.median(at for _, at in live),
        "s",
    )
    report.value(
        "... beyond the bare start (goal: at most 1.5 s)",
        statistics.median(at for _, at in live) - statistics.median(bare),
        "s",
    )
    report.value("requests during the swaps", load.asked, "")
    report.value("... of which failed (goal: 0)", len(load.failed), "")
    for failure in load.failed[:5]:
        print("   ", failure)


def artifact(server: Server, space: str) -> dict[str, Any]:
    """The newest build's artifact, as the runtime reads it."""
    name = space.split("/")[1]
    query = """SELECT artifact FROM builds JOIN spaces ON spaces.key = space_key
               WHERE spaces.name = ? AND state = 'succeeded' ORDER BY number DESC"""
    with sqlite3.connect(server.data / "ledger.sqlite3") as ledger:
        return dict(json.loads(ledger.execute(query, (name,)).fetchone()[0]))


def bare_start(server: Server, space: str, *, told: bool = True) -> float:
    """Start the same app by hand, without Spaceport, and wait for its first 200.

    `told`: it knows that it is a Space, with which Gradio itself does more as it starts.
    """
    found = artifact(server, space)
    words = ["docker", "run", "-d", "--rm", "--init", "--user", "1000:1000", "--cpus", "2"]
    words += ["--memory", "1g", "--tmpfs", "/tmp:mode=1777,exec", "--read-only"]
    words += ["--network", f"spaceport-{instance_of(server)}-app"]  # it reaches what ours does
    words += ["--tmpfs", f"{found['home']}:uid=1000,gid=1000,mode=755,exec"]
    for mount in found["mounts"]:
        words += ["-v", f"{server.data / mount['source']}:{mount['target']}:ro"]
    env = {**found["env"], "GRADIO_SERVER_NAME": "0.0.0.0"}
    if told:
        env |= {"SYSTEM": "spaces", "SPACE_ID": space}
    for name, value in env.items():
        words += ["-e", f"{name}={value}"]
    if found["working_dir"]:
        words += ["-w", found["working_dir"]]
    command = list(found["command"] or [])
    started = time.monotonic()
    ran = subprocess.run([*words, found["image"], *command], capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(ran.stderr)
    container = ran.stdout.strip()
    try:
        shown = subprocess.run(
            [
                "docker",
                "inspect",
                "-f",
                "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                container,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        wait_for_200(shown.stdout.strip(), int(found["port"]))
        return time.monotonic() - started
    finally:
        subprocess.run(["docker", "rm", "-f", container], capture_output=True)


def wait_for_200(address: str, port: int) -> None:
    def answers() -> bool:
        connection = http.client.HTTPConnection(address, port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    eventually(answers, timeout=60)


def static(server: Server, report: Report, pushes: int = 10) -> None:
    space = "bench/static"
    server.create_space(space, "static")
    source = server.folder / "static-page"
    host, taken = server.app_host(space), []
    for number in range(pushes):
        text = f"<h1>page {number}</h1>"
        write_space(source, "static", {"index.html": text})
        if server.push(space, source, text).returncode:
            raise SystemExit("the push failed")
        pushed = time.monotonic()
        eventually(
            lambda text=text: text in server.get("/", host=host).text, timeout=30, every=0.005
        )
        taken.append(time.monotonic() - pushed)
    median = statistics.median(taken[1:])
    report.value("static: end of push to new content, median (goal: 0.3 s)", median, "s")
    server.delete_space(space)


def idle(server: Server, report: Report, spaces: int, seconds: float = 30.0) -> None:
    for number in range(spaces):
        space = f"bench/idle-{number}"
        server.create_space(space, "static")
        server.api("POST", f"/api/spaces/{space}/pause", "bench")
    if server.process is None:
        raise SystemExit("the server has ended")
    tree = family(server.process.pid)
    before, started = cpu_seconds(tree), time.monotonic()
    time.sleep(seconds)
    share = (cpu_seconds(tree) - before) / (time.monotonic() - started)
    report.value(f"idle with {spaces} stopped Spaces: CPU (goal: under 1 %)", share * 100, "%")
    memory = sum(map(proportional_memory, tree)) / 2**20
    report.value("... memory (PSS) of all its processes (goal: under 200 MiB)", memory, "MiB")


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in family(int(child)))]


def cpu_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def proportional_memory(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))

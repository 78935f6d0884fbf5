"""From a visit to the first answer of a Gradio Space that was frozen, swapped out or stopped."""

from __future__ import annotations

import argparse
import statistics
import time

import httpx

from benchmarks.live import bare_start
from benchmarks.prestart import cpu_of_machine, one_waits
from benchmarks.report import Report
from benchmarks.runtime.fleet import MIB, USER, Fleet, gradio_app, told, with_swap
from tests.waiting import eventually

FREEZE_AFTER = 1.0
SWAP_AFTER = 2.0
SLEEP_AFTER = 2.0
OUT = 3 * MIB  # what stays of one that is swapped out
NAME = "gradio"


def run(fleet: Fleet, report: Report, options: argparse.Namespace) -> None:
    fleet.start(freeze=FREEZE_AFTER)
    fleet.push(NAME, gradio_app("1"))
    fleet.server.reaches(f"{USER}/{NAME}", "RUNNING", timeout=300)
    frozen(fleet, report, options.rounds)
    with_swap(fleet.server.folder, 1024, lambda: swapped(fleet, report, options.swapped))
    stopped(fleet, report, options.stopped)
    prepared(fleet, report, options.stopped)


def frozen(fleet: Fleet, report: Report, rounds: int) -> None:
    host = fleet.host(NAME)
    running, woken = [], []
    for _ in range(rounds):
        fleet.await_states(NAME, ["frozen"])
        time.sleep(0.2)  # the row is written before the engine is asked
        woken.append(fleet.visit(host))
        running.append(fleet.visit(host))
    told(report, "Gradio, running: one answer of /config", running)
    told(report, "Gradio, frozen: visit to the whole answer", woken, "(goal: under 200 ms)")


def swapped(fleet: Fleet, report: Report, rounds: int) -> None:
    if not rounds:
        return
    fleet.start(freeze=FREEZE_AFTER, swap=SWAP_AFTER)
    host = fleet.host(NAME)
    first, later = [], []
    for _ in range(rounds):
        fleet.await_states(NAME, ["frozen"])
        eventually(lambda: max(fleet.memory()) < OUT, timeout=60)
        first.append(fleet.visit(host))
        later.append(fleet.visit(host))
    told(report, "Gradio, swapped out: visit to the whole answer", first, "(goal: under 500 ms)")
    told(report, "... and the answer after it", later)
    fleet.start()  # it comes back from swap before that goes
    fleet.visit(host)


def stopped(fleet: Fleet, report: Report, rounds: int) -> None:
    if not rounds:
        return
    fleet.start(sleep=SLEEP_AFTER)
    space, taken, bare, untold = f"{USER}/{NAME}", [], [], []
    for _ in range(rounds):
        taken.append(woken(fleet))
        if fleet.server.engine == "docker":
            bare.append(bare_start(fleet.server, space))
            untold.append(bare_start(fleet.server, space, told=False))
    told(report, "Gradio, stopped: visit to the first 200", taken)
    if bare:
        told(report, "... the same app by hand: docker run to the first 200", bare)
        told(report, "... and where Gradio does not know that it is a Space", untold)
        beyond = statistics.median(taken) - statistics.median(bare)
        report.value("... beyond that, median (goal: at most 0.5 s)", beyond, "s")


def prepared(fleet: Fleet, report: Report, rounds: int) -> None:
    """The same, where a process waits that has Gradio imported."""
    if not rounds:
        return
    fleet.start(sleep=SLEEP_AFTER, prestart=1)
    woken(fleet)  # a start says what is to be prepared
    taken, used = [], []
    for _ in range(rounds):
        fleet.server.reaches(f"{USER}/{NAME}", "SLEEPING", timeout=60)
        eventually(lambda: one_waits(fleet.server), timeout=120)
        time.sleep(1.5)  # until Spaceport has seen it, too
        busy = cpu_of_machine()
        taken.append(woken(fleet))
        used.append(cpu_of_machine() - busy)
    told(report, "Gradio, stopped, in a process that waited", taken, "(goal: under 1.5 s)")
    report.value("... CPU of the whole machine meanwhile, median", statistics.median(used), "s")


def woken(fleet: Fleet) -> float:
    """Seconds from the visit that wakes it to its 200: one request, held until it answers."""
    fleet.server.reaches(f"{USER}/{NAME}", "SLEEPING", timeout=60)
    fleet.await_states(NAME, [])
    url = f"http://127.0.0.1:{fleet.server.port}/config"
    with httpx.Client(timeout=120) as client:  # reads past the 1xx that are sent meanwhile
        started = time.monotonic()
        client.get(url, headers={"Host": fleet.host(NAME)}).raise_for_status()
        return time.monotonic() - started

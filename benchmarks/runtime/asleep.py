"""What sleeping Spaces cost: CPU and memory of Spaceport with many, against none."""

from __future__ import annotations

import argparse
import time

from benchmarks.report import Report
from benchmarks.runtime.fleet import Fleet, small_app

SETTLE = 5.0  # seconds after a start


def run(fleet: Fleet, report: Report, options: argparse.Namespace) -> None:
    count = options.asleep
    fleet.start(sleep=2)
    time.sleep(SETTLE)
    cpu, memory = fleet.own_cost()
    report.value("no Space: CPU of Spaceport", cpu, "% of a core")
    report.value("... memory of all its processes (PSS)", memory, "MiB")
    for number in range(count):
        fleet.push(f"sleeper-{number}", small_app("1"))
    for number in range(count):
        fleet.server.reaches(f"bench/sleeper-{number}", "SLEEPING", timeout=900)
    fleet.await_states("sleeper", [])
    fleet.start(sleep=2)  # as fresh as the one that is compared with
    time.sleep(SETTLE)
    later_cpu, later_memory = fleet.own_cost()
    report.value(f"{count} sleeping Spaces: CPU of Spaceport", later_cpu, "% of a core")
    report.value("... beyond none (goal: nothing measurable)", later_cpu - cpu, "% of a core")
    report.value("... memory beyond none (PSS)", later_memory - memory, "MiB")

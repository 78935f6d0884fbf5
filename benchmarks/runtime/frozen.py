"""Many small Gradio Spaces together: what each holds while it runs, frozen, and swapped out."""

from __future__ import annotations

import argparse
import statistics
import time

from benchmarks.live import proportional_memory
from benchmarks.report import Report
from benchmarks.runtime.fleet import MIB, Fleet, cpu_share, gradio_app, told, with_swap
from tests.waiting import eventually

FREEZE_AFTER = 1.0
NAME = "small"
RUNNING = 10  # more would fill two cores by being idle


def run(fleet: Fleet, report: Report, options: argparse.Namespace) -> None:
    count = options.frozen
    some = min(RUNNING, count)
    fleet.start()
    names = fleet.run(NAME, range(some), gradio_app("1"))
    measured(fleet, report, f"{some} Gradio Spaces, running")
    fleet.start(freeze=FREEZE_AFTER)
    names += fleet.run(NAME, range(some, count), gradio_app("1"))
    fleet.await_states(NAME, ["frozen"] * count)
    time.sleep(1.0)
    measured(fleet, report, f"{count} Gradio Spaces, frozen")
    with_swap(
        fleet.server.folder, 200 * count + 256, lambda: swapped(fleet, report, names, FREEZE_AFTER)
    )


def swapped(fleet: Fleet, report: Report, names: list[str], freeze: float) -> None:
    count = len(names)
    began = time.monotonic()
    fleet.start(freeze=freeze, swap=freeze + 1)
    eventually(lambda: max(fleet.memory()) < 16 * MIB, timeout=60 + 10 * count)
    report.value(f"{count} Gradio Spaces, until all are swapped out", time.monotonic() - began, "s")
    measured(fleet, report, f"{count} Gradio Spaces, swapped out")
    hosts = [fleet.host(name) for name in names]
    taken = [fleet.visit(host) for host in hosts]
    told(report, f"... a visit to each of the {count}", taken, "(goal: under 500 ms)")
    fleet.start()
    for name in names:  # they go before the swap does
        fleet.server.delete_space(f"bench/{name}")
    fleet.await_states(NAME, [])


def measured(fleet: Fleet, report: Report, what: str, seconds: float = 10.0) -> None:
    held, processes = fleet.memory(), fleet.processes()
    report.value(f"{what}: memory of each (control group), median", _median(held) / MIB, "MiB")
    shared = sum(map(proportional_memory, processes)) / MIB / max(1, len(held))
    report.value("... memory of each (PSS of its processes)", shared, "MiB")
    report.value("... CPU of all of them", cpu_share(processes, seconds), "% of a core")


def _median(values: list[int]) -> float:
    return statistics.median(values) if values else 0.0

"""Requests that failed while a Space was deployed, moved to other hardware and given secrets."""

from __future__ import annotations

import argparse
import time

from benchmarks.live import Load
from benchmarks.report import Report
from benchmarks.runtime.fleet import USER, Fleet, gradio_app, small_app
from tests.waiting import eventually

NAME = "changed"
SPACE = f"{USER}/{NAME}"
FLAVORS = ("cpu-upgrade", "cpu-basic")


def run(fleet: Fleet, report: Report, options: argparse.Namespace) -> None:
    app = small_app if options.small else gradio_app
    fleet.start()
    fleet.push(NAME, app("version 0"))
    fleet.server.reaches(SPACE, "RUNNING", timeout=300)
    load = Load(fleet.server, fleet.host(NAME), options.rate)
    load.start()
    began = time.monotonic()
    counts: dict[str, int] = {}
    try:
        for kind, times in (
            ("deploys", options.deploys),
            ("hardware", options.hardware),
            ("secrets", options.secrets),
        ):
            failed = len(load.failed)
            for number in range(1, times + 1):
                change(fleet, load, kind, number, app)
            counts[f"{times} {kind}"] = len(load.failed) - failed
        time.sleep(2.0)
    finally:
        load.stop()
    seconds = time.monotonic() - began
    report.value("requests while the Space was changed", load.asked, "")
    report.value("... a second", load.asked / seconds, "")
    for what, failed in counts.items():
        report.value(f"... of which failed during {what} (goal: 0)", failed, "")
    report.value("... of which failed in all (goal: 0)", len(load.failed), "")
    for failure in load.failed[:10]:
        print("   ", failure)


def change(fleet: Fleet, load: Load, kind: str, number: int, app: object) -> None:
    before = replica(fleet)
    if kind == "deploys":
        version = f"version {number}"
        fleet.push(NAME, app(version))  # type: ignore[operator]
        eventually(lambda: load.first_seen(version), timeout=120)
    elif kind == "hardware":
        said = fleet.server.api(
            "POST", f"/api/spaces/{SPACE}/hardware", USER, {"flavor": FLAVORS[(number + 1) % 2]}
        )
        assert said.status == 200, said.text
    else:
        body = {"key": "TOKEN", "value": f"a secret value {number}"}
        said = fleet.server.api("POST", f"/api/spaces/{SPACE}/secrets", USER, body)
        assert said.status == 200, said.text
    eventually(lambda: fleet.states(NAME) == ["ready"] and replica(fleet) != before, timeout=120)


def replica(fleet: Fleet) -> str:
    """The one that serves; empty when there is not just one."""
    query = """SELECT replicas.id FROM replicas JOIN spaces ON spaces.key = space_key
               WHERE spaces.name = ? AND replicas.state = 'ready'"""
    found = fleet.rows(query, NAME)
    return found[0][0] if len(found) == 1 else ""

"""Back to the version before: from the request to its first answer, beyond the app's bare start."""

from __future__ import annotations

import argparse
import statistics
import time

from benchmarks.live import bare_start
from benchmarks.report import Report
from benchmarks.runtime.fleet import USER, Fleet, gradio_app
from tests.waiting import eventually

NAME = "gradio"
SPACE = f"{USER}/{NAME}"


def run(fleet: Fleet, report: Report, options: argparse.Namespace) -> None:
    fleet.start()
    fleet.push(NAME, gradio_app("one"))
    host = fleet.host(NAME)
    eventually(lambda: title(fleet, host) == "one", timeout=300)
    fleet.push(NAME, gradio_app("two"))
    eventually(lambda: title(fleet, host) == "two", timeout=300)
    taken, bare = [], []
    for _ in range(options.rollbacks):
        wanted = "one" if title(fleet, host) == "two" else "two"
        number = fleet.rows(
            """SELECT max(number) FROM releases JOIN spaces ON spaces.key = space_key
               WHERE spaces.name = ? AND releases.state = 'retired'""",
            NAME,
        )[0][0]
        started = time.monotonic()
        answer = fleet.server.api(
            "POST", f"/api/spaces/{SPACE}/rollback", USER, {"release": int(number)}
        )
        if answer.status >= 300:
            raise SystemExit(answer.text)
        eventually(lambda wanted=wanted: title(fleet, host) == wanted, timeout=120, every=0.02)
        taken.append(time.monotonic() - started)
        if fleet.server.engine == "docker":
            bare.append(bare_start(fleet.server, SPACE))
    report.value("rollback of a Gradio Space: to its first answer, median", median(taken), "s")
    if bare:
        report.value("... the app by hand: docker run to the first 200", median(bare), "s")
        beyond = median(taken) - median(bare)
        report.value("... beyond that, median (goal: under 2 s)", beyond, "s")


def median(seconds: list[float]) -> float:
    return statistics.median(seconds)


def title(fleet: Fleet, host: str) -> str:
    answer = fleet.server.get("/config", host=host)
    return str(answer.json().get("title", "")) if answer.status == 200 else ""

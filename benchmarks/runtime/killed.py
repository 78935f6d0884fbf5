"""kill -9 of Spaceport among many Spaces: how soon each is in a legal state, as the engine's.

A quarter of the Spaces each: running (hardware that never sleeps), frozen, asleep, paused. Some are
being deployed, paused and woken at the moment of the kill.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from benchmarks.report import Report
from benchmarks.runtime.fleet import USER, Fleet, small_app
from spaceport.engine import ContainerState
from tests.waiting import eventually

CONTAINER = {"ready": ContainerState.RUNNING, "frozen": ContainerState.FROZEN}
SETTLED = {"RUNNING", "SLEEPING", "PAUSED"}


def run(fleet: Fleet, report: Report, options: argparse.Namespace) -> None:
    count = options.killed
    fleet.start(freeze=5)
    names = fleet.run("small", range(count), small_app("1"))
    running, held, asleep, paused = (names[part::4] for part in range(4))
    for name in running:
        asked(fleet, name, "hardware", {"flavor": "cpu-upgrade"})
    for name in asleep:
        asked(fleet, name, "hardware", {"flavor": "cpu-upgrade", "sleepTimeSeconds": 60})
    for name in paused:
        asked(fleet, name, "pause", None)
    for name in asleep:
        fleet.server.reaches(f"{USER}/{name}", "SLEEPING", timeout=600)
    eventually(lambda: not disagreements(fleet), timeout=300)
    hosts = [fleet.host(name) for name in asleep]
    moving = max(1, count // 16)
    for name in running[:moving]:
        fleet.push(name, small_app("2"))
    for name in held[:moving]:
        asked(fleet, name, "pause", None)
    for host in hosts[:moving]:
        fleet.server.get("/config", host=host)  # a visit wakes it; a plain program gets a 503
    fleet.server.kill()
    left = len(disagreements(fleet))
    started = time.monotonic()
    fleet.server.start()
    ready = time.monotonic() - started
    eventually(lambda: not disagreements(fleet), timeout=300, every=0.2)
    agreed = time.monotonic() - started
    eventually(lambda: stages(fleet, names).keys() <= SETTLED, timeout=300, every=0.5)
    report.value("Spaces when Spaceport was killed (kill -9)", count, "")
    report.value("... of which ledger and engine disagreed on at that moment", left, "")
    report.value("... until Spaceport answered again", ready, "s")
    report.value("... until ledger and engine agreed on all (goal: 30 s)", agreed, "s")
    for stage, number in sorted(stages(fleet, names).items()):
        report.value(f"... Spaces that are {stage} then", number, "")


def asked(fleet: Fleet, name: str, what: str, body: object) -> None:
    said = fleet.server.api("POST", f"/api/spaces/{USER}/{name}/{what}", USER, body)
    assert said.status == 200, said.text


def stages(fleet: Fleet, names: list[str]) -> Counter[str]:
    return Counter(str(fleet.server.runtime(f"{USER}/{name}")["stage"]) for name in names)


def disagreements(fleet: Fleet) -> list[str]:
    """Keys of Spaces that do not have just what they want: one app that serves, or nothing; and of
    which the engine has something else than the ledger says."""
    found = fleet.containers()
    replicas: dict[str, list[tuple[str, str]]] = {}
    for key, state, handle in fleet.rows(
        "SELECT space_key, state, handle FROM replicas WHERE state != 'gone'"
    ):
        replicas.setdefault(key, []).append((handle, state))
    wrong = []
    for key, wanted in fleet.rows("SELECT key, wanted FROM spaces WHERE deleted_at IS NULL"):
        said = replicas.get(key, [])
        seen = [(one.handle, one.state) for one in found.get(key, [])]
        agree = [(handle, CONTAINER.get(state)) for handle, state in said] == seen
        if not agree or len(said) != (wanted == "running"):
            wrong.append(key)
    return wrong

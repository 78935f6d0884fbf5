"""When a process waits with everything imported, and what the machine works: seen from outside."""

from __future__ import annotations

import os
from pathlib import Path

from runtime.engine.netns import listening_of
from runtime.prestart.kind import PORT
from tests.e2e.conftest import docker, instance_of
from tests.e2e.server import Server


def one_waits(server: Server) -> bool:
    """Whether a prepared process has imported all and waits for an app."""
    labels = [f"label=spaceport.instance={instance_of(server)}", "label=spaceport.waiting"]
    filters = [word for label in labels for word in ("--filter", label)]
    found = docker("ps", "-q", *filters).split()
    pids = docker("inspect", "-f", "{{.State.Pid}}", *found).split() if found else []
    return any(at.port == PORT for pid in pids for at in listening_of(int(pid)))


def cpu_of_machine() -> float:
    """Seconds that all cores together were busy since the start of the machine."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")

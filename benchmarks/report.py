"""What a benchmark prints and keeps: figures with their unit, and ratios of medians."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path

RESULTS = Path(__file__).with_name("results")


class Report:
    """Prints each figure as it comes; `finish` writes them all to `results/<name>.json`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._figures: list[dict[str, object]] = []
        print(f"\n== {name}: {platform.machine()}, {os.cpu_count()} CPUs, load {load():.1f}")

    def value(self, what: str, figure: float, unit: str) -> None:
        self._figures.append({"what": what, "figure": figure, "unit": unit})
        print(f"{what:82} {figure:10.3f} {unit}", flush=True)

    def finish(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        kept = {"at": stamp, "cpus": os.cpu_count(), "figures": self._figures}
        (RESULTS / f"{self._name}.json").write_text(json.dumps(kept, indent=1) + "\n")


def load() -> float:
    """The load average of the last minute: figures of a busy machine say so."""
    return os.getloadavg()[0]

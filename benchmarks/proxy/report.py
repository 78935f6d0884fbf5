"""What a run says: a table for people, JSON for comparing runs."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.proxy.load import Result

RESULTS = Path(__file__).resolve().parent.parent / "results"

# scenario → (least rate, most CPU) as ratios to nginx: the goals of the contract
GOALS = {
    "1 KB": (0.5, 2.0),
    "1 KB new heads": (0.5, 2.0),
    "100 KB": (None, 1.7),
    "10 MB": (1.0, 0.7),
    "WebSocket": (0.9, 1.4),
    "WebSocket x16": (0.9, None),
    "static 10 KB": (0.4, 2.5),
}
MOST_ADDED = 75.0  # microseconds at concurrency 1


@dataclass(frozen=True)
class Row:
    """One target in one scenario, over all rounds; `others` are the results beside it."""

    scenario: str
    target: str
    results: Sequence[Result]
    others: Mapping[str, Sequence[Result]]

    def median(self, value: Callable[[Result], float]) -> float:
        return median(value(result) for result in self.results)

    def ratio(self, value: Callable[[Result], float]) -> float:
        """The median of the rounds' ratios to nginx."""
        pairs = zip(self.results, self.others["nginx"], strict=True)
        return median(value(ours) / max(value(theirs), 1e-9) for ours, theirs in pairs)

    @property
    def added(self) -> float | None:
        """Microseconds that the proxy adds to the backend's own median answer."""
        if self.scenario != "latency":
            return None
        pairs = zip(self.results, self.others["direct"], strict=True)
        return median(ours.p50 - direct.p50 for ours, direct in pairs)

    def as_json(self) -> dict[str, object]:
        return {
            "scenario": self.scenario,
            "target": self.target,
            "rate": round(self.median(lambda r: r.rate), 1),
            "x_nginx": round(self.ratio(lambda r: r.rate), 3),
            "cpu_per_1k": round(self.median(lambda r: r.cpu), 5),
            "x_nginx_cpu": round(self.ratio(lambda r: r.cpu), 3),
            "p50_us": round(self.median(lambda r: r.p50), 1),
            "added_us": None if self.added is None else round(self.added, 1),
            "memory_mib": round(max(result.memory for result in self.results), 1),
            "verdict": verdict(self),
        }


def verdict(row: Row) -> str:
    """Whether our proxy reaches the contract's goal; nothing for the others."""
    if not row.target.startswith("relay"):
        return ""
    if row.added is not None:
        return "ok" if row.added <= MOST_ADDED else f"added > {MOST_ADDED:.0f} us"
    rate, cpu = GOALS.get(row.scenario, (None, None))
    missed = []
    if rate is not None and row.ratio(lambda r: r.rate) < rate:
        missed.append(f"rate < {rate}")
    if cpu is not None and row.ratio(lambda r: r.cpu) > cpu:
        missed.append(f"cpu > {cpu}")
    return ", ".join(missed) or "ok"


def print_table(rows: Sequence[Row]) -> None:
    columns = "scenario target rate/s x_nginx cpu_s/1k x_cpu p50_us added_us MiB goal".split()
    print("{:14} {:13} {:>10} {:>8} {:>9} {:>6} {:>8} {:>8} {:>6}  {}".format(*columns))
    for row in rows:
        added = "" if row.added is None else f"{row.added:.0f}"
        print(
            f"{row.scenario:14} {row.target:13} {row.median(lambda r: r.rate):>10,.0f} "
            f"{row.ratio(lambda r: r.rate):>8.2f} {row.median(lambda r: r.cpu):>9.4f} "
            f"{row.ratio(lambda r: r.cpu):>6.2f} {row.median(lambda r: r.p50):>8.0f} {added:>8} "
            f"{max(result.memory for result in row.results):>6.1f}  {verdict(row)}"
        )


def save(rows: Sequence[Row]) -> Path:
    """Write the figures to `benchmarks/results/proxy.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "proxy.json"
    content = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "rows": [row.as_json() for row in rows],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"written to {path}")
    return path

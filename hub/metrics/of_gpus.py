"""What GPUs are doing, as the driver's own tool tells (spaces-behaviour 15.2)."""

from __future__ import annotations

import csv
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

ASK = (
    "nvidia-smi",
    "--query-gpu=index,uuid,utilization.gpu,memory.used,memory.total",
    "--format=csv,noheader,nounits",
)
PATIENCE = 2.0  # seconds for a driver that hangs
FRESH = 0.9  # seconds: streams of many Spaces ask once a second, and share an answer
PAUSE = 60.0  # seconds until it is asked again where it did not answer
MIB = 1024**2


@dataclass(frozen=True)
class GpuUse:
    """`utilization` in per cent of the time in which it computed; memory in bytes."""

    id: str  # the driver's, `GPU-882fa930-...`
    index: str
    utilization: int
    memory_used: int
    memory_total: int


class GpuMeter:
    """Looks at all cards at once, and not more often than anybody could see."""

    def __init__(self, ask: Callable[[], str] | None = None) -> None:
        self._ask = ask or _ask_driver
        self._lock = threading.Lock()
        self._seen: tuple[GpuUse, ...] = ()
        self._again = 0.0

    def look(self, ids: Iterable[str]) -> tuple[GpuUse, ...]:
        """Those of `ids` (the driver's, or indices); none where it does not tell. Blocks."""
        wanted = set(ids)
        if not wanted:
            return ()
        with self._lock:
            if time.monotonic() >= self._again:
                try:
                    self._seen, rest = parse(self._ask()), FRESH
                except (OSError, subprocess.SubprocessError):
                    self._seen, rest = (), PAUSE
                self._again = time.monotonic() + rest
            return tuple(one for one in self._seen if wanted & {one.id, one.index})


def parse(told: str) -> tuple[GpuUse, ...]:
    """`0, GPU-882fa930-..., 35, 1024, 15360` a line; what a card does not tell (`[N/A]`) is 0."""
    rows = csv.reader(told.splitlines(), skipinitialspace=True)
    cells = ([cell.strip() for cell in row] for row in rows if len(row) == 5)
    return tuple(
        GpuUse(uuid, index, _number(used), _number(memory) * MIB, _number(total) * MIB)
        for index, uuid, used, memory, total in cells
    )


def as_told(cards: Iterable[GpuUse]) -> Mapping[str, Mapping[str, int]]:
    """By the first word of the id, as the client's documentation of job metrics shows them."""
    return {
        re.sub(r"^(GPU|MIG)-", "", card.id).split("-")[0]: {
            "utilization": card.utilization,
            "memory_used_bytes": card.memory_used,
            "memory_total_bytes": card.memory_total,
        }
        for card in cards
    }


def _number(cell: str) -> int:
    return int(cell) if cell.isdigit() else 0


def _ask_driver() -> str:
    asked = subprocess.run(ASK, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return asked.stdout

"""Read and follow what a keeper writes down."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from runtime.engine.text_lines import decoded, later
from spaceport.engine import LogLine

_LOOK_AFTER = 0.03
_LONGEST_REST = 0.5
"""An app that prints is looked at often, one that is silent twice a second."""


def parse(line: bytes) -> LogLine:
    stamp, _, text = line.partition(b" ")
    return LogLine(stamp.decode("ascii", errors="replace"), decoded(text))


def follow(folder: Path, since: str | None, ended: Callable[[], bool]) -> Iterator[LogLine]:
    """Lines after `since`, then new ones until `ended` and all is read."""
    older = folder / "log.1"
    if older.exists():
        yield from _after(older.read_bytes().splitlines(), since)
    for line in _grow(folder / "log", ended):
        yield from _after([line], since)


def _after(lines: list[bytes], since: str | None) -> Iterator[LogLine]:
    return (found for found in map(parse, lines) if later(found.stamp, since))


def _grow(file: Path, ended: Callable[[], bool]) -> Iterator[bytes]:
    """Whole lines of a file that grows, and of the one that takes its name after it."""
    reading: BinaryIO | None = None
    rest = b""
    pause = _LOOK_AFTER
    while True:
        last_look = ended()  # asked before reading: what came before the end is never missed
        if reading is None and file.exists():
            reading = file.open("rb")
        data = reading.read() if reading is not None else b""
        *whole, rest = (rest + data).split(b"\n")
        yield from whole
        if reading is not None and not data and _replaced(reading, file):
            reading.close()
            reading = None
            continue
        if last_look and not data:
            break
        pause = min(pause * 1.5, _LONGEST_REST) if not data else _LOOK_AFTER
        if not data:
            time.sleep(pause)
    if reading is not None:
        reading.close()


def _replaced(reading: BinaryIO, file: Path) -> bool:
    try:
        return os.fstat(reading.fileno()).st_ino != file.stat().st_ino
    except FileNotFoundError:
        return False

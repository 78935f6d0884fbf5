"""Logs of builds and replicas: one file each, one JSON object a line, followed live.

`{"data": "<line>\\n", "timestamp": "2026-11-23T08:00:00.123Z"}`, in the order of writing, never
cut at its head: a client that reconnects counts on the lines before (hub-api 11.1).
"""

from __future__ import annotations

import asyncio
import codecs
import inspect
import json
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from spaceport.errors import Invalid
from spaceport.masking import Masks
from spaceport.names import SpaceKey
from spaceport.terminal import clean_line

Kind = Literal["build", "run"]

LIMIT = 10 * 1024 * 1024
LINE_LIMIT = 8 * 1024
RESERVE = 64 * 1024  # kept free for `note`: why a build failed stands even in a full log
CHUNK = 64 * 1024
QUICKEST, SLOWEST = 0.1, 0.4  # seconds between two looks of a follower at the file's size
ASK_EVERY = 0.5  # seconds between two questions of a follower whether the log has ended

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class LogEntry:
    data: str  # one line with its newline
    timestamp: str  # UTC, ends in Z


def log_path(data: Path, space_key: SpaceKey, kind: Kind, id: str) -> Path:
    """Where the log of the build or replica `id` is; nothing is created."""
    if not _WORD.fullmatch(space_key) or not _WORD.fullmatch(id):
        raise Invalid(f"{space_key!r} and {id!r} do not name a log.")
    return data / "logs" / space_key / f"{kind}-{id}.jsonl"


class LogWriter:
    """Appends to a log, from any thread. A line is written when its newline came, or at `close`.

    `masks` are secret values that never reach the file, in whatever pieces they come. A log never
    fails what it logs: on a full disk lines are lost, and `lost` says so.
    """

    def __init__(
        self,
        path: Path,
        *,
        masks: Sequence[str] = (),
        limit: int = LIMIT,
        line_limit: int = LINE_LIMIT,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size
        self._limit, self._line_limit = limit, line_limit
        self._masks = Masks(masks)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""  # the line that has no newline yet
        self._cutting = False  # the rest of this line is dropped
        self._full = self._size >= limit
        self._closed = False
        self._lock = threading.Lock()
        self.lost = False
        self._heal()

    def write(self, text: str | bytes, stamp: str | None = None) -> None:
        """Take output as it comes; `stamp` is its time in UTC, now when absent."""
        with self._lock:
            if self._closed:
                return
            more = self._decoder.decode(text) if isinstance(text, bytes) else text
            *lines, self._rest = (self._rest + more).split("\n")
            ready = [line for line in map(self._whole, lines) if line is not None]
            self._trim_rest(ready)
            self._append(ready, stamp or _now())

    def note(self, text: str, stamp: str | None = None) -> None:
        """Write a line of our own; it stands even when the log is full."""
        with self._lock:
            if self._closed:
                return
            self._flush_rest()
            lines = [self._safe(line) for line in text.rstrip("\n").split("\n")]
            self._put(lines, stamp or _now(), self._limit + RESERVE)

    def close(self) -> None:
        """Write an unfinished line and close the file. May be called twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._flush_rest()
                os.close(self._file)

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _whole(self, line: str) -> str | None:
        """A finished line, or None for the end of one that was cut before."""
        if self._cutting:
            self._cutting = False
            return None
        return self._safe(line)

    def _trim_rest(self, ready: list[str]) -> None:
        """Keep the unfinished line small: what a carriage return overwrote and what is too long."""
        if self._cutting:
            self._rest = ""
            return
        cut = self._rest.rfind("\r", 0, len(self._rest) - 1)
        if cut > self._line_limit:
            self._rest = self._rest[cut + 1 :]
        # The longest mask more, so that a secret at the limit is seen whole before the cut.
        if len(self._rest) > self._line_limit * 2 + self._masks.longest:
            ready.append(self._safe(self._rest))
            self._rest, self._cutting = "", True

    def _flush_rest(self) -> None:
        rest, self._rest = self._rest + self._decoder.decode(b"", final=True), ""
        if rest and not self._cutting:
            self._append([self._safe(rest)], _now())
        self._cutting = False

    def _safe(self, line: str) -> str:
        line = self._masks.hide(clean_line(line))
        if len(line) > self._line_limit:
            return line[: self._line_limit] + " … (line cut)"
        return line

    def _append(self, lines: list[str], stamp: str) -> None:
        if not lines or self._full:
            return
        if not self._put(lines, stamp, self._limit):
            self._full = True
            size = f"{self._limit / 1024 / 1024:g} MiB"
            words = f"… This log is full ({size}); later lines are not kept."
            self._put([words], stamp, self._limit + RESERVE)

    def _put(self, lines: list[str], stamp: str, limit: int) -> bool:
        """Append as many lines as fit; false when some did not."""
        encoded = []
        size = self._size
        for line in lines:
            entry = json.dumps({"data": line + "\n", "timestamp": stamp}).encode() + b"\n"
            if size + len(entry) > limit:
                break
            size += len(entry)
            encoded.append(entry)
        self._store(b"".join(encoded))
        return len(encoded) == len(lines)

    def _store(self, body: bytes) -> None:
        try:
            while body:
                written = os.write(self._file, body)
                self._size += written
                body = body[written:]
        except OSError:
            self.lost = True

    def _heal(self) -> None:
        """End a line that a crash tore, so that the next one is a line of its own."""
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            self._store(b"\n")


def read(path: Path) -> list[LogEntry]:
    """All entries; none when there is no such log. A torn last line is left out."""
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return []
    return [entry for line in body.split(b"\n") if (entry := _entry(line)) is not None]


async def follow(
    path: Path, ended: Callable[[], bool | Awaitable[bool]]
) -> AsyncIterator[LogEntry]:
    """All entries from the first, then each as it is written, until `ended()` says that no more
    will come and all were given. The log need not exist yet. Any number may follow the same log.
    """
    # Small reads of a file in the page cache: cheaper on the loop than a thread for each.
    offset, torn, pause = 0, b"", QUICKEST
    done, asked = False, -ASK_EVERY
    while True:
        body = _read_from(path, offset)
        offset += len(body)
        *lines, torn = (torn + body).split(b"\n")
        for line in lines:
            entry = _entry(line)
            if entry is not None:
                yield entry
        if body:
            pause = QUICKEST
            await asyncio.sleep(0)
            continue
        if done:
            return
        if time.monotonic() - asked >= ASK_EVERY:
            asked = time.monotonic()
            answer = ended()
            done = await answer if inspect.isawaitable(answer) else bool(answer)
            if done:
                continue  # what was written just before the end
        await asyncio.sleep(pause)
        pause = min(pause * 2, SLOWEST)


def _read_from(path: Path, offset: int) -> bytes:
    try:
        if path.stat().st_size <= offset:
            return b""
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(CHUNK)
    except FileNotFoundError:
        return b""


def _entry(line: bytes) -> LogEntry | None:
    try:
        found = json.loads(line)
        return LogEntry(str(found["data"]), str(found["timestamp"]))
    except (ValueError, KeyError, TypeError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

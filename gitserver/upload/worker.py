"""The worker process: one job at a time, JSON lines in and out (`python -m …upload.worker`).

It is told to stop a job by a line `{"cancel": true}` and ends when its input does.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import select
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitserver.layout import common_of
from gitserver.pack.file import PackDamaged
from gitserver.pack.parse import Malformed
from gitserver.pack.store import ObjectMissing
from gitserver.upload.answers import Event
from gitserver.upload.jobs import FetchJob, OpenRepository, object_info
from gitserver.upload.request import ProtocolError
from spaceport.errors import SpaceportError

_OPEN = 24
_SAY_EVERY = 2.0
_LOOK_EVERY = 0.05


class Cancelled(Exception):
    """Raised inside a job that nobody waits for any longer."""


class Worker:
    """Reads jobs from a descriptor, writes events to another."""

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._buffer = b""
        self._repositories: OrderedDict[str, OpenRepository] = OrderedDict()
        self._looked = self._said = 0.0

    def loop(self) -> None:
        """Work until the input ends."""
        while True:
            line = self._line()
            if line is None:
                return
            job = json.loads(line)
            if "cancel" in job:
                continue  # it came after its job had ended
            self._said = self._looked = time.monotonic()
            self._emit(self._work(job))

    def _work(self, job: dict[str, Any]) -> Event:
        """Do a job; gives its last event, which says how it ended."""
        try:
            repo = self._open(Path(job["repo"]), Path(job["cache"]))
            if job["kind"] == "fetch":
                FetchJob(repo, job, self._emit, self._tick).run()
            elif job["kind"] == "maintain":
                self._emit({"e": "upkeep", **_maintain(job, self._tick)})
                self._forget(job["repo"])
            elif job["kind"] == "object-info":
                object_info(repo, job, self._emit, self._tick)
            return {"e": "end", "rss": _resident()}
        except ProtocolError as refusal:
            return {"e": "refused", "text": str(refusal)}
        except Cancelled:
            return {"e": "cancelled"}
        except (ObjectMissing, PackDamaged, Malformed, SpaceportError, OSError) as damage:
            self._forget(job["repo"])
            return {"e": "failed", "text": str(damage)}
        except Exception:
            self._forget(job["repo"])
            traceback.print_exc(file=sys.stderr)
            return {"e": "failed", "text": "internal error"}

    def _open(self, path: Path, cache: Path) -> OpenRepository:
        key = str(path)
        mark = _mark(path)
        found = self._repositories.get(key)
        if found is None or found.mark != mark:
            found = OpenRepository.open(path, cache)
            found.mark = mark
            self._repositories[key] = found
            while len(self._repositories) > _OPEN:
                self._repositories.popitem(last=False)
        self._repositories.move_to_end(key)
        return found

    def _forget(self, key: str) -> None:
        self._repositories.pop(key, None)

    def _tick(self, what: str, count: int) -> None:
        """Called often by a job: look for a cancellation, and tell the person how far it is."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        if select.select([self._source], [], [], 0)[0]:
            line = self._line()
            if line is None or "cancel" in json.loads(line):
                raise Cancelled
        if now - self._said > _SAY_EVERY:
            self._said = now
            self._emit({"e": "progress", "text": f"{what}: {count}\n" if what else ""})

    def _line(self) -> bytes | None:
        while b"\n" not in self._buffer:
            data = os.read(self._source, 1 << 16)
            if not data:
                return None
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _emit(self, event: Event) -> None:
        data = json.dumps(event).encode() + b"\n"
        while data:
            data = data[os.write(self._target, data) :]


def _maintain(job: dict[str, Any], tick: Callable[[str, int], None]) -> dict[str, Any]:
    from gitserver.upkeep import maintain  # what a fetch does not need is not loaded

    done = maintain(
        Path(job["repo"]),
        Path(job["incoming"]),
        proofs=Path(job["cache"]),
        grace=job["grace"],
        full=job["full"],
        tick=lambda count: tick("", count),
    )
    return dataclasses.asdict(done) | {"work": done.work.value}


def _mark(repo: Path) -> str:
    """Another one when the repository was made anew, or its boundary, commit graph or the
    repositories that it borrows from changed."""
    common = common_of(repo)
    parts = [str(common), str((common / "objects").stat().st_ino)]
    for name in ("shallow", "objects/info/commit-graph", "objects/info/alternates"):
        try:
            parts.append(str((common / name).stat().st_mtime_ns))
        except OSError:
            parts.append("")
    return " ".join(parts)


def _resident() -> int:
    """Bytes of memory this process has at the moment."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Serve jobs on standard input; anything printed by accident goes to standard error."""
    source, target = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    Worker(source, target).loop()


if __name__ == "__main__":
    main()

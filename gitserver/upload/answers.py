"""Finished answers on disk: found by request, bounded in bytes, oldest use goes first.

An answer is a list of *pieces*, events that the serving process turns into bytes:
`{"e": "bytes", "data": BASE64}` and `{"e": "range", "path", "offset", "length", "size"}`, a part of
a file that had `size` bytes. What an answer holds follows from its key (ids of what is wanted and
there), so it is never wrong; that the client may have it is checked before it is looked up.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_ABANDONED = 3600

Event = dict[str, Any]


class Answers:
    """The finished answers of one repository."""

    def __init__(self, folder: Path, limit: int) -> None:
        """`limit`: bytes that answers of all repositories beside `folder` may take."""
        self._folder = folder
        self._limit = limit

    def find(self, key: str) -> list[Event] | None:
        """The pieces of a finished answer, if every file that they name is there unchanged."""
        path = self._folder / f"answer-{key}.json"
        try:
            pieces: list[Event] = json.loads(path.read_bytes())
            for piece in pieces:
                if piece["e"] == "range" and os.stat(piece["path"]).st_size != piece["size"]:  # noqa: PTH116
                    return None
            for piece in pieces:
                if piece["e"] == "range" and piece["path"].startswith(f"{self._folder}/"):
                    os.utime(piece["path"])
        except (OSError, ValueError, KeyError):
            return None
        with suppress(OSError):
            os.utime(path)
        return pieces

    def new_file(self, key: str) -> Path:
        """Where to write the bytes of an answer that is in the making."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"answer-{key}.{os.getpid()}.part"

    def keep(self, key: str, pieces: list[Event], part: Path | None) -> None:
        """Put a finished answer on record; `part` (named in a piece by its final name) is moved
        into place first. A cache that cannot be written costs time only."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            if part is not None:
                part.replace(self.final(key))
            temporary = self._folder / f"answer-{key}.{os.getpid()}.tmp"
            temporary.write_text(json.dumps(pieces))
            temporary.replace(self._folder / f"answer-{key}.json")
        self._evict()

    def final(self, key: str) -> Path:
        return self._folder / f"answer-{key}.pack"

    def _evict(self) -> None:
        found = []
        now = time.time()
        for path in self._folder.parent.glob("*/answer-*"):
            with suppress(OSError):
                status = path.stat()
                if path.suffix in (".part", ".tmp"):
                    if now - status.st_mtime > _ABANDONED:
                        path.unlink()
                    continue
                found.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._limit:
                break
            total -= size
            with suppress(OSError):
                path.unlink()

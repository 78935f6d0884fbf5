"""What of the problems that were found counts against a push: the levels of `receive.fsck.<id>`."""

from __future__ import annotations

from collections.abc import Iterable

from gitserver.objects.entry import NAMES
from gitserver.receive.fsck.headers import Problem
from gitserver.receive.job import Job

_MOST = 20
_FATAL = frozenset(("nulinheader", "unterminatedheader"))
"""git never lets these pass, whatever it is told."""


class Judge:
    """Collects the first problems and warnings, in words."""

    def __init__(self, job: Job) -> None:
        self._levels = job.levels
        self._skip = frozenset(job.skip)
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def report(self, kind: int, oid: bytes, problems: Iterable[Problem]) -> bool:
        """Take note of what is wrong with an object; true if that refuses it."""
        refused = False
        if self._skip and oid.hex() in self._skip:
            return False
        for message_id, text in problems:
            level = self._level(message_id.lower())
            if level == "ignore":
                continue
            refused |= level == "error"
            found = self.problems if level == "error" else self.warnings
            if len(found) < _MOST:
                found.append(f"{message_id}: {text} ({NAMES[kind]} {oid.hex()})")
        return refused

    def _level(self, message_id: str) -> str:
        return "error" if message_id in _FATAL else self._levels.get(message_id, "error")

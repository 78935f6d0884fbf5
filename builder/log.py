"""The build log of one build."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from pathlib import Path

from spaceport.cause import Failure
from spaceport.ledger.builds import Build
from spaceport.logbook import LogWriter, log_path


class BuildLog:
    """Lines of programs and of our own, in order; safe from any thread."""

    def __init__(self, data: Path, build: Build) -> None:
        self._path = log_path(data, build.space_key, "build", build.id)
        self._writer = LogWriter(self._path)

    def hide(self, values: Iterable[str]) -> None:
        """From now on these values do not reach the file."""
        self._writer.close()
        self._writer = LogWriter(self._path, masks=tuple(values))

    def begin(self, build: Build, why: str) -> None:
        queued = build.queued_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self.say(f"===== Build Queued at {queued} / Commit SHA: {build.revision[:7]} =====")
        self.say(f"Build {build.number}: {why}.")

    def say(self, text: str) -> None:
        """A line of our own; it stands even when the log is full."""
        self._writer.note(text)

    def output(self, line: str) -> None:
        self._writer.write(line + "\n")

    def succeeded(self, seconds: float) -> None:
        self.say(f"===== Build succeeded in {seconds:.1f} s =====")

    def failed(self, failure: Failure) -> None:
        found = failure.explain()
        self.say(f"===== Build failed: {found.sentence} {found.hint}")

    def stopped(self, why: str) -> None:
        self.say(f"===== Build stopped: {why}")

    def close(self) -> None:
        self._writer.close()

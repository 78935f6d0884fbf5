"""Reading a revision: the pure functions get a `Read`, tests give them a dictionary's `get`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Read = Callable[[str], bytes | None]
"""The content of a file of the revision by its path from the root; None when there is none."""

MAX_BYTES = 1024 * 1024
"""More than this of one file is never looked at to make a plan."""


def reader(checkout: Path) -> Read:
    """Read files of a checkout; links are followed only as long as they stay inside of it."""
    root = checkout.resolve()

    def read(path: str) -> bytes | None:
        try:
            found = (root / path).resolve()
            if not found.is_relative_to(root) or not found.is_file():
                return None
            with found.open("rb") as file:
                return file.read(MAX_BYTES)
        except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL in the path
            return None

    return read

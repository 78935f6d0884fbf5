"""What every process of this machine can see of the others."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def arguments_holding(word: str) -> list[str]:
    """The command lines in /proc that hold `word`."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            text = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if word in text:
                found.append(text)
    return found

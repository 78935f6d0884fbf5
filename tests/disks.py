"""Small file systems of a test's own, to be filled; and what lies on any, while it changes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """`folder`, made here, with so much room; skips the test where mounting is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder.mkdir()
    options = f"size={megabytes}m"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def mounted_below(folder: Path) -> list[Path]:
    """What is mounted below `folder`, the last first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    targets = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [Path(one) for one in reversed(targets) if one.startswith(f"{folder}/")]


def unmount_below(folder: Path) -> None:
    for target in mounted_below(folder):
        subprocess.run(["umount", "-l", target], check=True)


def files_below(folder: Path) -> list[Path]:
    """Every file; unlike `rglob` this passes over folders that go while they are looked at."""
    return [Path(place, name) for place, _, names in os.walk(folder) for name in names]

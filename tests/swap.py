"""Swap of a test's own: a file on a loop device, taken away again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def swap_area(folder: Path, megabytes: int = 256) -> Iterator[None]:
    """This host swaps meanwhile; skips the test where that is not allowed."""
    file = folder / "swap"
    device = _attach(file, megabytes)
    if isinstance(device, str):
        pytest.skip(device)
    try:
        made = _ran("mkswap", str(device)) or _ran("swapon", str(device))
        if made:
            pytest.skip(f"this host may not swap: {made}")
        try:
            yield
        finally:
            subprocess.run(["swapoff", device], check=True)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)
        file.unlink()


def _attach(file: Path, megabytes: int) -> Path | str:
    """The loop device, or why there is none."""
    if os.geteuid() != 0:
        return "swapping needs root"
    if not all(shutil.which(tool) for tool in ("losetup", "mkswap", "swapon")):
        return "losetup, mkswap or swapon is not installed"
    file.write_bytes(b"")
    os.truncate(file, megabytes * 1024**2)
    file.chmod(0o600)
    asked = subprocess.run(["losetup", "-f", "--show", file], capture_output=True, text=True)
    if asked.returncode:
        file.unlink()
        return f"no loop device: {asked.stderr.strip()}"
    return Path(asked.stdout.strip())


def _ran(*command: str) -> str:
    """What went wrong; empty when nothing did."""
    ran = subprocess.run(command, capture_output=True, text=True)
    return "" if ran.returncode == 0 else ran.stderr.strip() or command[0]

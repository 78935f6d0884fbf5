"""One server for each data folder (security contract DUR-16)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spaceport.errors import Misconfigured


@contextmanager
def only_server(data: Path) -> Iterator[None]:
    """Hold the folder until the block ends, however it ends; the kernel lets go of a dead holder's.

    Raises `Misconfigured` when another server has it.
    """
    data.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
            raise Misconfigured(
                f"Spaceport already runs on {data} (process {holder}).",
                hint="Stop it first, or choose another folder with --data.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)

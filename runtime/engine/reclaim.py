"""Push a frozen container's memory out to swap, by its memory control group (engine contract 5).

A container may use no swap while it runs: its limit is one of memory and swap together. In version
1 what is pushed out goes on counting against that limit. In version 2 swap has a limit of its own,
zero; it is lifted for the moment of the push, and what is out then stays out.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from runtime.engine.cgroups import ROOT, version
from runtime.engine.usage import groups_of

_PROC = Path("/proc")
NO_SWAP = "Memory cannot be pushed out here: the host has no swap, or we may not use it."


def possible(root: Path = ROOT, proc: Path = _PROC) -> bool:
    """Whether the kernel has the file for it, we may write it, and this host has swap."""
    file = {1: root / "memory" / "memory.force_empty", 2: root / "memory.reclaim"}.get(
        version(root)
    )
    return (
        file is not None and file.exists() and os.geteuid() == 0 and swap_size(proc / "swaps") > 0
    )


def swap_size(swaps: Path) -> int:
    """Bytes of all swap areas in use, from a file like /proc/swaps; 0 where it cannot be read."""
    try:
        rows = swaps.read_text().splitlines()[1:]
    except OSError:
        return 0
    return sum(int(row.split()[2]) * 1024 for row in rows)


def reclaim(pid: int, root: Path = ROOT, proc: Path = _PROC) -> None:
    """All that a container's first process and those beside it hold. Blocks for as long as it takes
    to write. Raises `OSError`, `KeyError` for a process that is in no memory group."""
    groups = groups_of((proc / str(pid) / "cgroup").read_text())
    group = groups["" if version(root) == 2 else "memory"]
    if not group:
        raise PermissionError(1, "the container has no memory control group of its own")
    if version(root) == 2:
        _push(root / group)
    else:
        (root / "memory" / group / "memory.force_empty").write_text("0")


def _push(folder: Path) -> None:
    gate = folder / "memory.swap.max"
    before = gate.read_text()
    gate.write_text("max")
    try:
        with contextlib.suppress(BlockingIOError):  # the kernel's way to say: not all of it
            (folder / "memory.reclaim").write_text((folder / "memory.current").read_text().strip())
    finally:
        gate.write_text(before)

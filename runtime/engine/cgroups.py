"""Control groups that we make ourselves, in version 1 and in version 2 (cgroups(7))."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
V1_CONTROLLERS = ("cpu", "cpuacct", "memory", "pids", "freezer")
_OPTIONAL = {"memory.memsw.limit_in_bytes", "memory.swap.max"}
"""Absent from kernels that do not account for swap; memory itself is limited all the same."""
PERIOD = 100_000
"""Microseconds over which a share of a core is counted."""


def version(root: Path = ROOT) -> int:
    """1, 2, or 0 where there are none."""
    if (root / "cgroup.controllers").exists():
        return 2
    return 1 if (root / "memory").is_dir() else 0


def weight(shares: int) -> int:
    """Version 1's `cpu.shares` (2..262144) as version 2's `cpu.weight` (1..10000)."""
    return 1 + (min(max(shares, 2), 262144) - 2) * 9999 // 262142


def settings_v1(
    *, cpus: float | None, memory: int | None, pids: int | None, shares: int | None = None
) -> Mapping[str, Mapping[str, str]]:
    """Controller to file to value, in the order in which they must be written. Pure."""
    found: dict[str, dict[str, str]] = {"cpu": {}, "memory": {}, "pids": {}}
    if shares is not None:
        found["cpu"]["cpu.shares"] = str(shares)
    if cpus is not None:
        found["cpu"]["cpu.cfs_period_us"] = str(PERIOD)
        found["cpu"]["cpu.cfs_quota_us"] = str(max(round(cpus * PERIOD), 1000))
    if memory is not None:
        found["memory"]["memory.limit_in_bytes"] = str(memory)
        found["memory"]["memory.memsw.limit_in_bytes"] = str(memory)
    if pids is not None:
        found["pids"]["pids.max"] = str(pids)
    return found


def settings_v2(
    *, cpus: float | None, memory: int | None, pids: int | None, shares: int | None = None
) -> Mapping[str, str]:
    """File to value. Pure."""
    found: dict[str, str] = {}
    if shares is not None:
        found["cpu.weight"] = str(weight(shares))
    if cpus is not None:
        found["cpu.max"] = f"{max(round(cpus * PERIOD), 1000)} {PERIOD}"
    if memory is not None:
        found["memory.max"] = str(memory)
        found["memory.swap.max"] = "0"
    if pids is not None:
        found["pids.max"] = str(pids)
    return found


def prepare_parent(name: str, shares: int, root: Path = ROOT) -> str:
    """A group for all containers with a weight of its own; returns how Docker is told of it.

    Where we may not make it, the engine does, with the usual weight.
    """
    with contextlib.suppress(OSError):
        if version(root) == 1:
            (root / "cpu" / name).mkdir(exist_ok=True)
            (root / "cpu" / name / "cpu.shares").write_text(str(shares))
        elif version(root) == 2:
            (root / name).mkdir(exist_ok=True)
            (root / name / "cpu.weight").write_text(str(weight(shares)))
    return f"/{name}"


def remove_parent(name: str, root: Path = ROOT) -> None:
    """Remove the group wherever it is and empty."""
    for folder in (root / name, *root.glob(f"*/{name}")):
        with contextlib.suppress(OSError):
            folder.rmdir()


def limit_group(
    name: str,
    *,
    cpus: float | None,
    memory: int | None,
    pids: int | None,
    shares: int | None = None,
    root: Path = ROOT,
) -> bool:
    """Make the group `name` (`docker/buildkit`) if need be and limit it; False if we may not.

    Lowering a limit below what is in use now is refused by the kernel; the old limit then stays.
    """
    try:
        if version(root) == 1:
            wanted = settings_v1(cpus=cpus, memory=memory, pids=pids, shares=shares)
            for controller, files in wanted.items():
                _write_all(root / controller / name, files)
        elif version(root) == 2:
            _write_all(root / name, settings_v2(cpus=cpus, memory=memory, pids=pids, shares=shares))
        else:
            return False
    except OSError:
        return False
    return True


def _write_all(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    refused = [name for name, value in files.items() if not _write(folder / name, value)]
    # Memory may never exceed memory with swap: when both grow, the second must be written first.
    still = [name for name in refused if not _write(folder / name, files[name])]
    if set(still) - _OPTIONAL:
        raise PermissionError(f"{folder}: {', '.join(still)}")


def _write(file: Path, value: str) -> bool:
    try:
        file.write_text(value)
    except OSError:
        return False
    return True

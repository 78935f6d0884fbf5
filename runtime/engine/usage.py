"""What a container uses, read from the kernel's files: control groups of either version, /proc.

Reading wakes nothing: a frozen container can be looked at as often as one likes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from runtime.engine.cgroups import ROOT, version
from spaceport.engine import Usage

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
LONGEST_WALK = 200_000  # files looked at in one folder
_NO_LIMIT = 1 << 60
"""Version 1 tells a huge number where there is no limit."""


def usage_of(pid: int, root: Path = ROOT, proc: Path = Path("/proc")) -> Usage:
    """Of the control groups that a container's first process is in. Raises `OSError`."""
    groups = groups_of((proc / str(pid) / "cgroup").read_text())
    received, sent = traffic_of(proc / str(pid) / "net" / "dev")
    disk = disk_of(proc / str(pid))
    if version(root) == 2:
        folder = root / groups[""]
        return Usage(
            cpu_seconds=_number(folder / "cpu.stat", "usage_usec") / 1e6,
            memory=_without_cache(folder, "memory.current", "inactive_file"),
            memory_limit=_limit(folder / "memory.max"),
            received=received,
            sent=sent,
            disk=disk,
        )
    memory = root / "memory" / groups["memory"]
    return Usage(
        cpu_seconds=int((root / "cpuacct" / groups["cpuacct"] / "cpuacct.usage").read_text()) / 1e9,
        memory=_without_cache(memory, "memory.usage_in_bytes", "total_inactive_file"),
        memory_limit=_limit(memory / "memory.limit_in_bytes"),
        received=received,
        sent=sent,
        disk=disk,
    )


def usage_of_processes(pids: Iterable[int], proc: Path = Path("/proc")) -> Usage:
    """Summed up, where there is no control group; shared memory counts for each."""
    ticks = pages = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
            pages += int(fields[21])
    return Usage(cpu_seconds=ticks / _TICKS, memory=pages * _PAGE)


def groups_of(text: str) -> dict[str, str]:
    """Controller to path below its root, from /proc/PID/cgroup; version 2 has the name ''."""
    found = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path.lstrip("/")
    return found


def traffic_of(file: Path) -> tuple[int | None, int | None]:
    """Bytes received and sent in a network namespace, loopback apart; None where untold."""
    try:
        lines = file.read_text().splitlines()[2:]
    except OSError:
        return None, None
    received = sent = 0
    for line in lines:
        name, _, counts = line.partition(":")
        if name.strip() != "lo":
            fields = counts.split()
            received, sent = received + int(fields[0]), sent + int(fields[8])
    return received, sent


def disk_of(process: Path) -> int | None:
    """Bytes in its own writable file systems in memory (/tmp, the home folder); None without any.

    The root of a user's own image is not among them: its size can only be found by walking it.
    """
    with contextlib.suppress(OSError):
        places = writable_tmpfs((process / "mountinfo").read_text())
        told = [os.statvfs(process / "root" / place.lstrip("/")) for place in places]
        return sum((one.f_blocks - one.f_bfree) * one.f_frsize for one in told) if told else None
    return None


def writable_tmpfs(mountinfo: str) -> list[str]:
    """The mount points for files of the app, from /proc/PID/mountinfo; devices and locks apart."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        writable = "rw" in fields[5].split(",") and after.startswith("tmpfs ")
        if writable and not fields[4].startswith(("/dev", "/proc", "/sys", "/run")):
            found.append(fields[4])
    return found


def _without_cache(folder: Path, used: str, cache: str) -> int:
    """As the engine counts it: without the file cache that the kernel would drop first."""
    dropped = _number(folder / "memory.stat", cache)
    return max(0, int((folder / used).read_text()) - dropped)


def _number(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _limit(file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        limit = int(file.read_text())
        return limit if limit < _NO_LIMIT else None
    return None


def bytes_below(folder: Path) -> int:
    """What the files in a folder take up on the disk; of very many, those found first."""
    total = seen = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(place, name).lstat().st_blocks * 512
            except OSError:  # gone meanwhile
                continue
            seen += 1
            if seen >= LONGEST_WALK:
                return total
    return total

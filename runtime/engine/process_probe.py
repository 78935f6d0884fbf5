"""What this machine offers for sandboxed processes; asked once."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from functools import cache

from runtime.engine import process_cgroup, process_network, reclaim
from runtime.engine.cgroups import version
from runtime.engine.process_launch import Tools
from runtime.engine.seccomp_bpf import filter_program
from spaceport.engine import EngineInfo

_WITH_SIZES = (0, 7)


@cache
def tools() -> Tools:
    """Without bubblewrap, or where it may not make namespaces, `bwrap` is empty."""
    bwrap = shutil.which("bwrap")
    root = os.geteuid() == 0
    if bwrap is None or not _works(bwrap, root):
        return Tools(root=root)
    return Tools(bwrap, _number(bwrap) >= _WITH_SIZES, filter_program(), root)


def _works(bwrap: str, root: bool) -> bool:
    """Tried as the kind of user that containers are: root may what others may not."""
    command = [bwrap, "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "true"]
    asked = subprocess.run(
        command,
        capture_output=True,
        timeout=20,
        cwd="/",
        user=65534 if root else None,
        group=65534 if root else None,
        extra_groups=[] if root else None,
    )
    return asked.returncode == 0


def _number(bwrap: str) -> tuple[int, ...]:
    told = subprocess.run([bwrap, "--version"], capture_output=True, text=True, timeout=20).stdout
    found = re.search(r"(\d+)\.(\d+)", told)
    return tuple(int(part) for part in found.groups()) if found else (0, 0)


@cache
def own_network_possible() -> bool:
    """Whether a process may leave the host's network: root, or with user namespaces."""
    asked = subprocess.run(
        ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"]), "true"],
        capture_output=True,
        timeout=20,
    )
    return asked.returncode == 0


def probe() -> EngineInfo:
    """There is always an answer: in the worst case plain processes, and warnings that say so."""
    have = tools()
    return EngineInfo(
        name="process",
        version=platform.release(),
        cgroup_version=version(),
        cpus=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        can_build_images=False,
        can_pull=False,
        can_freeze=True,
        can_reclaim=process_cgroup.available() and reclaim.possible(),
        can_prestart=bool(have.bwrap) and own_network_possible(),
        isolates_network=own_network_possible(),
        maps_users=os.geteuid() == 0,  # each container has a user of the host for itself
        warnings=tuple(_warnings(have)),
    )


def _warnings(have: Tools) -> list[str]:
    groups = process_cgroup.available()
    found = {
        "bubblewrap is not installed, or may not make user namespaces: apps run as plain processes "
        "and can read what you can read. Install it: 'apt install bubblewrap'.": (
            not have.bwrap and not have.root
        ),
        "bubblewrap is not installed, and as root nothing is started without it. Install it: "
        "'apt install bubblewrap'.": not have.bwrap and have.root,
        "libseccomp is absent: apps may make any system call that the kernel lets them.": bool(
            have.bwrap and not have.seccomp
        ),
        "Without root there are no control groups: only each process's memory is limited.": (
            not have.root
        ),
        "Control groups cannot be written: only each process's memory is limited.": (
            have.root and not groups
        ),
        "bubblewrap is older than 0.7: temporary folders are limited by memory alone.": bool(
            have.bwrap and not have.can_size
        ),
        "Apps cannot have a network of their own here and share the host's.": (
            not own_network_possible()
        ),
        "Apps can be visited but reach nothing outside: a way out needs root, 'ip' and 'nft'.": (
            own_network_possible() and not process_network.available()
        ),
    }
    return [text for text, true in found.items() if true]

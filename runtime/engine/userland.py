"""A shell and small tools for a base tree: static busybox, or the host's own programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from runtime.engine.shared_libraries import copy_libraries
from spaceport.errors import Misconfigured

TOOLS = (
    "sh", "bash", "basename", "cat", "chmod", "cp", "cut", "date", "df", "dirname", "du", "echo",
    "env", "expr", "false", "find", "grep", "gzip", "head", "hostname", "id", "ln", "ls", "mkdir",
    "mktemp", "mv", "nproc", "printf", "ps", "pwd", "readlink", "realpath", "rm", "rmdir", "sed",
    "sleep", "sort", "stat", "tail", "tar", "tee", "test", "touch", "tr", "true", "uname", "uniq",
    "wc", "which", "whoami", "xargs", "yes",
)  # fmt: skip


def add_userland(root: Path) -> None:
    """Raises `Misconfigured` when the host has neither a static busybox nor a shell."""
    busybox = shutil.which("busybox")
    if busybox is not None and _is_static(Path(busybox)):
        _add_busybox(root, Path(busybox))
    else:
        _add_host_tools(root)


def _is_static(program: Path) -> bool:
    asked = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
    return asked.returncode != 0 or "statically linked" in asked.stdout


def _add_busybox(root: Path, busybox: Path) -> None:
    programs = root / "usr" / "bin"
    shutil.copy2(busybox, programs / "busybox")
    listed = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        if not (programs / name).exists():
            (programs / name).symlink_to("busybox")


def _add_host_tools(root: Path) -> None:
    found = {name: Path(path) for name in TOOLS if (path := shutil.which(name))}
    if "sh" not in found:
        raise Misconfigured("There is no shell on this machine to put into the base image.")
    for name, program in found.items():
        shutil.copy2(program.resolve(), root / "usr" / "bin" / name)
    copy_libraries(root, found.values())

"""Copy the shared libraries that programs need into a tree, by what `ldd` says."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from spaceport.errors import Misconfigured

ALSO = (
    "libstdc++.so.6",  # numpy, pandas and most compiled wheels
    "libgcc_s.so.1",  # opened by name when a thread is cancelled
    "libnss_dns.so.2",  # opened by name when a host is looked up
    "libnss_files.so.2",
    "libresolv.so.2",
    "libgomp.so.1",  # scikit-learn, torch
    "librt.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "libutil.so.1",
)
_RESOLVED = re.compile(r"^\s*(?:(\S+) => )?(/\S+) \(0x", re.MULTILINE)


def libraries_in(ldd_output: str) -> dict[str, Path]:
    """Name to file on the host, of every library that `ldd` resolved; the loader by its path."""
    return {
        name or path: Path(path)
        for name, path in _RESOLVED.findall(ldd_output)
        if not path.endswith(":")
    }


def copy_libraries(root: Path, programs: Iterable[Path]) -> None:
    """Copy what `programs` are linked with, then what is opened by name, then make the cache."""
    needed = _needed(programs)
    cached = _cache()
    also = {name: cached[name] for name in ALSO if name in cached}
    needed |= also | _needed(also.values())
    for name, path in needed.items():
        _place(root, name, path)
    _run("ldconfig", "-r", str(root))


def copy_missing_libraries(root: Path, programs: Iterable[Path]) -> None:
    """The same for a tree that has a system of its own: what it brings itself stays as it is."""
    own = {path.name for path in (root / "usr/lib").rglob("*.so*")}
    for name, path in _needed(programs).items():
        if not name.startswith("/") and name not in own:
            _place(root, name, path)
    _run("ldconfig", "-r", str(root))


def _needed(programs: Iterable[Path]) -> dict[str, Path]:
    listed = [str(path) for path in programs]
    return libraries_in(_run("ldd", *listed)) if listed else {}


def _cache() -> dict[str, Path]:
    """The host's own library cache: name to file, the first of equal names."""
    found: dict[str, Path] = {}
    for line in _run("ldconfig", "-p").splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if arrow:
            found.setdefault(name.split(" ")[0], Path(path))
    return found


def _place(root: Path, name: str, path: Path) -> None:
    """Libraries go to /usr/lib under the name that is looked for; the loader keeps its path."""
    is_loader = name.startswith("/")
    target = root / (name.lstrip("/") if is_loader else f"usr/lib/{name}")
    if name.startswith("libpython") or target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path.resolve(), target)


def _run(*command: str) -> str:
    program = shutil.which(command[0], path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        raise Misconfigured(
            f"'{command[0]}' is not installed, so no base image can be made here.",
            hint="Install it (Debian: libc-bin), or let the engine pull python:3-slim instead.",
        )
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=60)
    # ldd says 1 when one of many files is not dynamic; what it did find is still right.
    if done.returncode != 0 and command[0] != "ldd":
        raise Misconfigured(f"{' '.join(command)} failed: {done.stderr.strip()[-300:]}")
    return done.stdout

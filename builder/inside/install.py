"""Resolve and install an environment; runs in a throwaway container of the base.

    python -I -S install.py JOB        JOB is a folder that holds job.json

Leaves `lock.txt` and `venv/` in JOB. The exit code is that of the first step that failed. The
environment's own interpreter is never started once something is installed in it: a package's
`.pth` file would run then (contract: engine.md 6).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TRIES = 3
UNRESOLVABLE = 1
"""uv's exit code for versions that cannot be had; its other errors have others."""
LINK_FROM = 1024 * 1024
"""Larger files of the repository (models, media) are no part of a package: links will do."""


def main(job_folder: Path) -> int:
    job = json.loads((job_folder / "job.json").read_text())
    uv = _Uv(job, job_folder)
    if job["code"]:
        _copy_code(job["code"], job["app"])
        os.chdir(job["app"])
    status = uv.make_environment()
    if status == 0:
        status = uv.install(job["lock"]) if job["lock"] else _resolve_and_install(uv)
    if status == 0 and job["bytecode"]:
        status = _bytecode(job, job_folder)
    return status


def _resolve_and_install(uv: _Uv) -> int:
    """An index of several servers may name a new release, and not have it when it is fetched."""
    for left in reversed(range(TRIES)):
        status = uv.resolve()
        if status:
            return status
        status = uv.install("")
        if status != UNRESOLVABLE or not left:
            return status
        print("The package index changed meanwhile: asking it once more.", flush=True)
    return UNRESOLVABLE


class _Uv:
    def __init__(self, job: dict[str, Any], folder: Path) -> None:
        self._job = job
        self._folder = folder
        self._lock = folder / "lock.txt"
        self._venv = folder / "venv"

    def make_environment(self) -> int:
        return self._run(
            "venv", "--quiet", "--relocatable", "--python", self._job["python"], self._venv
        )

    def resolve(self) -> int:
        """pre-requirements.txt is resolved apart; the rest wins where both name a package."""
        locks: list[list[str]] = []
        for name in ("before", "requirements"):
            if not self._job[name]:
                continue
            status, lock = self._compile(name)
            if status:
                return status
            locks.append(lock)
        merged = {_name(line): line for lock in locks for line in lock}
        self._lock.write_text("".join(f"{merged[name]}\n" for name in sorted(merged)))
        return 0

    def install(self, lock: str) -> int:
        """First from the cache alone, which takes a quarter of a second."""
        if lock:
            self._lock.write_text(lock)
        command = ("pip", "install", "--python", self._venv / "bin/python", "--no-deps")
        wanted = (*command, *self._index(), *self._only_wheels(), "-r", self._lock)
        if self._run(*wanted, "--offline", "--quiet", quiet=True) == 0:
            print("Everything was in the package cache.", flush=True)
            return 0
        return self._run(*wanted)

    def _compile(self, name: str) -> tuple[int, list[str]]:
        asked = self._folder / f"{name}.in"
        found = self._folder / f"{name}.lock"
        asked.write_text("\n".join(self._job[name]) + "\n")
        constraints = self._folder / "constraints.in"
        constraints.write_text("\n".join(self._job["constraints"]) + "\n")
        options: list[object] = ["--no-header", "--no-annotate", "--output-file", found]
        if name == "requirements" and self._job["constraints"]:
            options += ["--constraint", constraints]
        if self._job["prerelease"]:
            options += ["--prerelease", "allow"]
        python = ("--python", self._venv / "bin/python")
        status = self._run(
            "pip", "compile", *python, *options, *self._index(), *self._only_wheels(), asked
        )
        if status:
            return status, []
        lines = found.read_text().splitlines()
        return 0, [line for line in lines if line.strip() and not line.startswith(("#", "--"))]

    def _index(self) -> list[str]:
        options = ["--default-index", self._job["index"]] if self._job["index"] else []
        for url in self._job["indexes"]:
            options += ["--index", url]
        if self._job["indexes"] or not self._job["shared"]:
            options += ["--index-strategy", "unsafe-best-match"]  # what pip does
        return options

    def _only_wheels(self) -> list[str]:
        """Code of packages must not run where the cache is shared."""
        return ["--only-binary", ":all:"] if self._job["shared"] else []

    def _run(self, *arguments: object, quiet: bool = False) -> int:
        command = [str(HERE / "uv"), *map(str, arguments), "--no-config", "--color", "never"]
        silent = subprocess.DEVNULL if quiet else None
        # `pip compile` repeats the lock on its standard output; all messages are on the other one.
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=silent).returncode


def _name(line: str) -> str:
    """What two lines of a lock must not both hold."""
    for stop in ("==", " @ "):
        if stop in line:
            return line.partition(stop)[0].partition("[")[0].strip().lower()
    return line


def _copy_code(code: str, app: str) -> None:
    """A build from the repository's own files writes next to them, so it gets a copy."""
    sys.path.insert(0, str(HERE))
    import launch  # type: ignore[import-not-found]

    launch.lay_out(code, app, LINK_FROM)


def _bytecode(job: dict[str, Any], folder: Path) -> int:
    script = str(HERE / "bytecode.py")
    arguments = [str(folder / "venv"), job["bytecode"], job["final"]]
    return subprocess.run([sys.executable, "-I", "-S", script, *arguments]).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

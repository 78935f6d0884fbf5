"""Pushes: each round has a repository of its own, so that each pushes the same."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.git.repos import ENV, git
from benchmarks.git.servers import Server
from gitserver.locks import LOCK_FILE

MEGABYTES = 50


def push_blobs(root: Path) -> Callable[[Server, Path], float]:
    """50 MB that do not compress, in 4 MB pieces. The client has them packed already, so that the
    time is the server's and not that of the client's zlib."""
    return _push(root, root / "small.git", _blobs)


def push_commit(root: Path) -> Callable[[Server, Path], float]:
    """One commit of one small file to the repository of 20,000 objects."""
    return _push(root, root / "objects.git", _line)


def _push(root: Path, source: Path, add: Callable[[Path], None]) -> Callable[[Server, Path], float]:
    client = root.parent / f"client-{add.__name__}"
    template = root.parent / f"template-{add.__name__}.git"
    target = root / f"pushed{add.__name__}.git"

    def run(server: Server, scratch: Path) -> float:
        if not template.exists():
            _prepare(source, template, client, add)
        shutil.copytree(template, target)
        command = ["git", "push", "-q", f"{server.url}/{target.name}", "main:main"]
        try:
            start = time.monotonic()
            done = subprocess.run(
                command, cwd=client, env={**ENV, **server.env}, capture_output=True, text=True
            )
            taken = time.monotonic() - start
            if done.returncode or _tip(target) != _tip(client):
                raise RuntimeError(f"a push to {server.name} failed: {done.stderr}")
        finally:
            shutil.rmtree(target)
        return taken

    return run


def _prepare(source: Path, template: Path, client: Path, add: Callable[[Path], None]) -> None:
    shutil.copytree(source, template)
    git("pack-refs", "--all", cwd=template)
    (template / LOCK_FILE).touch()  # what ours has in each of its own
    shutil.rmtree(client, ignore_errors=True)
    git("clone", "-q", str(source), str(client))
    add(client)
    git("add", ".", cwd=client)
    git("commit", "-q", "-m", "to be pushed", cwd=client)
    git("repack", "-q", "-d", cwd=client)


def _blobs(client: Path) -> None:
    rng = random.Random(13)
    for number in range(10):
        (client / f"blob{number}.bin").write_bytes(rng.randbytes(MEGABYTES * 100_000))


def _line(client: Path) -> None:
    (client / "pkg0" / "mod0" / "pushed.py").write_text("pushed = True\n")


def _tip(repo: Path) -> str:
    return git("rev-parse", "main", cwd=repo)

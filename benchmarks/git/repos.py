"""The repositories that are measured, made by git itself from numbers."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def git(*args: str, cwd: Path | None = None, stdin: bytes | None = None) -> str:
    """Run git; raises `CalledProcessError`."""
    done = subprocess.run(
        ["git", *args], cwd=cwd, env=ENV, input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def many_objects(root: Path, commits: int = 12_000) -> Path:
    """At least 20,000 objects: a long history of small files in folders."""
    return _made(root / "objects.git", _history(commits))


def large(root: Path, megabytes: int = 320) -> Path:
    """Blobs that do not compress."""
    return _made(root / "large.git", _blobs(megabytes))


def small(root: Path) -> Path:
    return _made(root / "small.git", _history(12))


def many_refs(root: Path, refs: int = 50_000) -> Path:
    repo = _made(root / "refs.git", _history(200))
    if len((repo / "packed-refs").read_bytes()) < 1_000_000:
        tips = git("rev-list", "main", cwd=repo).split()
        lines = [
            f"create refs/tags/t{number // 100:04d}/{number % 100:02d} {tips[number % len(tips)]}"
            for number in range(refs)
        ]
        git("update-ref", "--stdin", cwd=repo, stdin="\n".join(lines).encode() + b"\n")
        git("pack-refs", "--all", cwd=repo)
    return repo


def _made(repo: Path, stream: Iterator[bytes]) -> Path:
    if (repo / "done").exists():
        return repo
    git("init", "-q", "--bare", "-b", "main", str(repo))
    for key in ("http.receivepack", "uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git("config", key, "true", cwd=repo)
    with subprocess.Popen(
        ["git", "-C", str(repo), "fast-import", "--quiet"], stdin=subprocess.PIPE, env=ENV
    ) as process:
        assert process.stdin is not None
        for piece in stream:
            process.stdin.write(piece)
        process.stdin.close()
    # What a well kept server has: one pack, a bitmap, a commit graph.
    git("repack", "-q", "-a", "-d", "-b", cwd=repo)
    git("commit-graph", "write", "--reachable", cwd=repo)
    git("pack-refs", "--all", cwd=repo)
    (repo / "done").touch()
    return repo


def _history(commits: int) -> Iterator[bytes]:
    rng = random.Random(7)
    for number in range(commits):
        name = f"pkg{rng.randrange(12)}/mod{rng.randrange(8)}/file{rng.randrange(10)}.py"
        text = "".join(f"value_{n} = {rng.randrange(50)}\n" for n in range(rng.randrange(20, 90)))
        yield (
            f"commit refs/heads/main\nmark :{number + 1}\n"
            f"committer A <a@example.org> {1_500_000_000 + 600 * number} +0000\n"
            f"data <<E\nchange {number}\nE\nM 100644 inline {name}\ndata {len(text)}\n{text}\n"
        ).encode()


def _blobs(megabytes: int) -> Iterator[bytes]:
    rng = random.Random(11)
    for number in range(megabytes // 4):
        data = rng.randbytes(4 << 20)
        yield (
            (
                f"commit refs/heads/main\nmark :{number + 1}\n"
                f"committer A <a@example.org> {1_500_000_000 + 600 * number} +0000\n"
                f"data <<E\nmodel {number}\nE\nM 100644 inline part{number}.bin\ndata {len(data)}\n"
            ).encode()
            + data
            + b"\n"
        )

"""The same folder of repositories served twice: by us, and by git itself."""

from __future__ import annotations

import asyncio
import difflib
import os
import pprint
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitserver.plain.serve import serving
from tests.gitserver.plain.http_backend import backend
from tests.gitserver.reading import fast_import

DATES = {
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}


@dataclass
class Done:
    """How a client's command ended."""

    code: int
    out: str
    err: str


@dataclass
class World:
    """One of the two servers with its repositories, and a place for clients."""

    top: Path
    url: str
    name: str
    seen: list[object] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The served folder of this very case."""
        return self.top / "root" / self.name

    @property
    def place(self) -> Path:
        """Where clients work."""
        return self.top / "place" / self.name

    @property
    def repo(self) -> Path:
        """The repository that most cases use, `r.git`."""
        return self.root / "r.git"

    def address(self, name: str = "r.git") -> str:
        return f"{self.url}/{self.name}/{name}"

    def make(self, name: str = "r.git", commits: int = 6, *, bare: bool = True) -> Path:
        """A repository with some history on `main`, that may be pushed to."""
        repo = self.root / name
        self.git("init", "-q", *(["--bare"] if bare else []), "-b", "main", str(repo))
        if commits:
            fast_import(repo, commits)
        if not bare:
            self.git("reset", "-q", "--hard", cwd=repo)
        self.config(repo, **{"http.receivepack": "true"})
        return repo

    def config(self, repo: Path | None = None, /, **settings: str) -> None:
        for name, value in settings.items():
            self.git("config", "--add", name, value, cwd=repo or self.repo)

    def hook(self, name: str, script: str, repo: Path | None = None) -> None:
        folder = repo or self.repo
        path = (folder if (folder / "HEAD").exists() else folder / ".git") / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def git(self, *args: str, cwd: Path | None = None, **env: str) -> str:
        done = self.run(*args, cwd=cwd, **env)
        assert done.code == 0, f"git {args}: {done.err}"
        return done.out

    def run(self, *args: str, cwd: Path | None = None, **env: str) -> Done:
        done = subprocess.run(
            ["git", *args],
            cwd=cwd or self.place,
            env={**os.environ, **DATES, **env},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
        )
        return Done(done.returncode, done.stdout.strip(), done.stderr)

    def clone(self, name: str = "r.git", to: str = "work", *options: str) -> Path:
        self.git("clone", "-q", *options, self.address(name), to)
        return self.place / to

    def commit(self, work: Path, name: str = "new.txt", text: str = "new\n") -> str:
        (work / name).write_text(text)
        self.git("add", "-A", cwd=work)
        self.git("commit", "-q", "-m", f"change {name}", cwd=work)
        return self.git("rev-parse", "HEAD", cwd=work)

    def push(self, work: Path, *args: str) -> tuple[int, list[str]]:
        """Push; the exit status and what became of each ref."""
        done = self.run("push", "--porcelain", "origin", *args, cwd=work)
        lines = [line for line in done.out.splitlines() if "\t" in line]
        self.seen.append(self.told(done.err))
        return done.code, sorted(lines)

    def told(self, text: str) -> list[str]:
        """What the server said to the person, without progress and without places."""
        found = []
        for line in text.replace("\r", "\n").splitlines():
            line = line.rstrip().replace(self.url, "URL").replace(str(self.root), "ROOT")
            if line.startswith("remote: ") and not _PROGRESS.search(line):
                found.append(_QUARANTINE.sub("QUARANTINE", line))
        return found

    def refs(self, repo: Path | None = None) -> list[str]:
        """Every ref of the server's repository, and HEAD."""
        where = repo or self.repo
        head = (where if (where / "HEAD").exists() else where / ".git") / "HEAD"
        return [*self.git("for-each-ref", cwd=where).splitlines(), head.read_text().strip()]

    def sound(self, repo: Path | None = None) -> str:
        """What git's own check says."""
        done = self.run("fsck", "--full", "--no-dangling", "--no-progress", cwd=repo or self.repo)
        return "" if done.code == 0 else done.out + done.err


_PROGRESS = re.compile(r"(Enumerating|Counting|Compressing|Total|Resolving|Unpacking) ?\w*")
_QUARANTINE = re.compile(r"\S*/tmp_objdir-[\w-]+")

Case = Callable[[World], object]
Same = Callable[[Case], Any]  # the fixture `same`


def after(world: World, repo: Path | None = None) -> object:
    """What the server has in the end: refs, soundness, nothing left over."""
    where = repo or world.repo
    git_dir = where if (where / "HEAD").exists() else where / ".git"
    left = [path.name for path in (git_dir / "objects").glob("tmp_*")]
    left += [path.name for path in git_dir.rglob("*.lock") if path.name != "spaceport.lock"]
    return world.refs(where), world.sound(where), left


@dataclass
class Twins:
    """Both servers."""

    base: Path
    ours: str
    gits: str

    def same(self, name: str, case: Case) -> Any:
        """Both, asked the same, answer the same; gives the answer."""

        def ask(which: str, url: str) -> object:
            world = World(self.base / which, url, name)
            world.root.mkdir()
            world.place.mkdir()
            return case(world), world.seen

        with ThreadPoolExecutor(2) as both_at_once:
            answers: list[Any] = list(
                both_at_once.map(ask, ("ours", "gits"), (self.ours, self.gits))
            )
        if answers[0] != answers[1]:
            lines = [pprint.pformat(answer, width=160).splitlines() for answer in answers]
            raise AssertionError("\n".join(difflib.unified_diff(*lines, "ours", "git's", n=1)))
        return answers[0][0]


@contextmanager
def both(base: Path, hook_seconds: float = 60.0) -> Iterator[Twins]:
    for name in ("ours", "gits"):
        (base / name / "root").mkdir(parents=True)
        (base / name / "place").mkdir()
    with (
        ours(base / "ours/root", base / "cache", hook_seconds) as url,
        backend(base / "gits/root") as other,
    ):
        yield Twins(base, url, other)


@contextmanager
def ours(root: Path, cache: Path, hook_seconds: float = 60.0) -> Iterator[str]:
    """Our plain server in a thread; gives its address."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ports: list[int] = []
    stop = asyncio.Event()

    async def serve() -> None:
        async with serving(root, "127.0.0.1", 0, cache, hook_seconds) as port:
            ports.append(port)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()

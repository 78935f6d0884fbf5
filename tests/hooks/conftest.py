"""A repository of a Space, a working copy of it by stock git, and what a push would bring."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.git import GitSettings
from gitserver.building import Signature
from gitserver.objects.store import Objects
from gitserver.repositories import Repositories
from hooks.head import note_head
from hooks.post_receive import Places
from hooks.push_hooks import PushHooks
from spaceport.ledger import Ledger, spaces
from spaceport.ledger import tables as t
from spaceport.ledger.columns import now
from spaceport.ledger.database import sqlite_url
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import new_key
from spaceport.push import MAIN, ZERO, Push, RefUpdate, Rejection
from spaceport.sdk import Sdk
from spaceport.starter import new_card, starter_files

PLACES = Places("http://hub.test", lambda label: f"http://{label}.apps.test")


def git(folder: Path, *words: str) -> str:
    ran = subprocess.run(
        ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *words],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def add_account(ledger: Ledger, name: str) -> str:
    id = new_key()
    with ledger.write() as tx:
        tx.execute(
            t.accounts.insert().values(
                id=id, name=name, name_lower=name.lower(), kind="user", created_at=now()
            )
        )
    return id


@dataclass
class Desk:
    """A person's clone, and the hooks that judge what it would push."""

    ledger: Ledger
    repositories: Repositories
    space: Space
    author: str
    work: Path
    hooks: PushHooks
    told: list[str] = field(default_factory=list)

    @property
    def bare(self) -> Path:
        return self.repositories.path(self.space.key)

    def write(self, path: str, content: bytes | str) -> None:
        target = self.work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, message: str = "change") -> str:
        git(self.work, "add", "-A", "-f")
        git(self.work, "commit", "-q", "--allow-empty", "-m", message)
        return git(self.work, "rev-parse", "HEAD")

    def head(self) -> str:
        return self.repositories.head(self.space.key) or ZERO

    def push_of(self, new: str, ref: str = MAIN) -> Push:
        old = self.repositories.refs(self.space.key).get(ref)
        return Push(self.space.key, self.author, (RefUpdate(ref, old, new),))

    def judged(self, push: Push | None = None) -> list[Rejection]:
        """What the hooks say to pushing the clone's present commit, stored but in no ref."""
        push = push or self.push_of(git(self.work, "rev-parse", "HEAD"))
        with Objects(self.work / ".git/objects", self.bare / "objects") as objects:
            return self.hooks.check(push, objects, self.told.append)

    def push(self, ref: str = MAIN) -> Push:
        """Let stock git move the ref, as our receive-pack would; the ledger knows nothing yet."""
        push = self.push_of(git(self.work, "rev-parse", "HEAD"), ref)
        git(self.work, "push", "-q", "-f", str(self.bare), f"HEAD:{ref}")
        return push

    def now(self) -> Space:
        with self.ledger.read() as tx:
            return spaces.get(tx, self.space.key)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ledger = Ledger(sqlite_url(tmp_path))
    settings = GitSettings()
    repositories = Repositories(tmp_path / "repos", settings)
    author = add_account(ledger, "ada")
    key = new_key()
    files = starter_files("hello", Sdk.GRADIO, new_card("hello", Sdk.GRADIO, sdk_version="5.49.1"))
    repositories.create(key, files, Signature("ada", "ada@example.org"))
    with ledger.write() as tx:
        space = spaces.create(
            tx, key, author, "hello", creator_id=author,
            visibility=Visibility.PUBLIC, sdk=Sdk.GRADIO,
        )  # fmt: skip
        note_head(tx, repositories, key)
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", str(repositories.path(key)), str(work))
    hooks = PushHooks(ledger, repositories, PLACES)
    yield Desk(ledger, repositories, space, author, work, hooks)
    ledger.close()

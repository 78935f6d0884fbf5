"""What tests of pull requests share: who acts, a clone of theirs, and the actions themselves."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from hub.pulls import PULLS, By, PullRequests
from spaceport.identify import Shown, identify
from spaceport.ledger import discussions
from spaceport.ledger.columns import now
from spaceport.ledger.discussions import Discussion, Status
from spaceport.ledger.spaces import Space
from tests.hub.conftest import Hub


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "user.name=G", "-c", "user.email=g@example.org", *words],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def done(folder: Path, *words: str) -> str:
    ran = git(folder, *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def by(hub: Hub, name: str, role: str = "write") -> By:
    """Somebody who came with a token of theirs."""
    token = hub.token(name, role)
    return By(identify(hub.context.ledger, Shown(token=token), now()), "127.0.0.1")


def actions(hub: Hub) -> PullRequests:
    assert hub.app is not None
    return hub.app[PULLS]


@dataclass(frozen=True)
class Clone:
    """Somebody's clone of a Space, with a token in its address."""

    hub: Hub
    space: Space
    folder: Path

    @classmethod
    def of(cls, hub: Hub, name: str, space: Space, folder: Path) -> Clone:
        remote = f"http://{name}:{hub.token(name)}@localhost:{hub.port}/spaces/{space.id}"
        done(folder, "clone", "-q", remote, name)
        return cls(hub, space, folder / name)

    def commit(self, path: str, text: str | bytes, message: str = "change") -> str:
        target = self.folder / path
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        done(self.folder, "add", "-A")
        done(self.folder, "commit", "-q", "-m", message)
        return done(self.folder, "rev-parse", "HEAD")

    def push(self, to: str, *flags: str) -> subprocess.CompletedProcess[str]:
        return git(self.folder, "push", *flags, "origin", f"HEAD:{to}")

    def pushed(self, to: str, *flags: str) -> str:
        """What git printed; the push must succeed."""
        ran = self.push(to, *flags)
        assert ran.returncode == 0, ran.stderr
        return ran.stderr

    def refused(self, to: str, *flags: str) -> str:
        ran = self.push(to, *flags)
        assert ran.returncode != 0, ran.stderr
        return ran.stderr


def opened(hub: Hub, name: str, space: Space, title: str = "Better") -> Discussion:
    """A new pull request of somebody, open to be merged, without a commit yet."""
    who, pulls = by(hub, name), actions(hub)
    found = hub.run(pulls.open(who, space, title))
    hub.run(pulls.set_status(who, space, found.number, Status.OPEN))
    return found


def present(hub: Hub, space: Space, number: int) -> Discussion:
    with hub.context.ledger.read() as tx:
        return discussions.get(tx, space.key, number)


def ref(hub: Hub, space: Space, name: str) -> str | None:
    return hub.context.content.refs(space.key).get(name)

"""What whoever runs the SSH server answers: whose key is it, and what may they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from gitserver.access import Admission, Refusal, Service
from gitserver.ssh.command import Operation
from spaceport.actor import Actor


class Barred(Exception):
    """Raised for a key whose account may not come in; such a key is not even anonymous (API-08)."""


class SshAccess(Protocol):
    """The one authorisation function, for those who come with a key (SSH-11)."""

    async def by_ssh_key(self, fingerprint: str) -> Actor | None:
        """The owner of a key (`SHA256:...`), or None for an unknown one. Raises `Barred`.

        Asked for each key that is offered, proved or not: it must have no side effects (SSH-03).
        """
        ...

    async def logged_in(self, actor: Actor, fingerprint: str, address: str) -> None:
        """Told once for each login with a key of an account."""
        ...

    async def decide(
        self, actor: Actor, author: str, name: str, service: Service
    ) -> Admission | Refusal:
        """As `GitAccess.admit`, for an actor who is known already."""
        ...


class LfsTickets(Protocol):
    """Gives leave to use git-lfs over HTTP for a while (LFS-12)."""

    def __call__(
        self, actor: Actor, admission: Admission, operation: Operation, *, fingerprint: str
    ) -> Mapping[str, Any]:
        """`href`, `header` and `expires_in` (seconds) as git-lfs reads them, good for this
        repository and operation alone, and no longer than the key that asks (`fingerprint`).

        May block; called on the pool "db". Raises `SpaceportError` with a sentence.
        """
        ...

"""Who may read or write a repository: asked of whoever runs the git server, for every transport.

The hub answers from the ledger (`spaceport.authorize`); `OpenFolder` lets everybody do everything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gitserver.repositories import Repositories
from gitserver.upload.rules import UploadRules
from spaceport.actor import ANONYMOUS, Actor
from spaceport.names import SpaceKey
from spaceport.push import WRITER, Reach

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


class Service(StrEnum):
    """What a client asks for; the first two are words of the wire."""

    UPLOAD_PACK = "upload-pack"  # reading
    RECEIVE_PACK = "receive-pack"  # writing
    LARGE_FILES = "large-files"  # sending large files, for a push or a pull request to come


@dataclass(frozen=True)
class Credentials:
    """What a client showed. `token` is a secret and never in `repr`.

    A token counts wherever a client can put it: as password with any user name, as user name with
    an empty password, or as Bearer. Nothing at all is an anonymous client.
    """

    user: str = ""
    token: str = field(default="", repr=False)

    @property
    def anonymous(self) -> bool:
        return not self.token


@dataclass(frozen=True)
class Admission:
    """Come in: the repository, and who it is that came."""

    key: SpaceKey
    actor_id: str | None = None
    label: str = ""
    """What people call the repository (`author/name`)."""
    detail: Mapping[str, str] = field(default_factory=dict)
    """Handed on to the hooks with a push."""
    actor: Actor = ANONYMOUS
    """Who it is with their rights, where accounts are known: for what git-lfs asks next."""
    rules: UploadRules | None = None
    """How this repository is read, where it is not as all others."""
    reach: Reach = WRITER
    """What they may push to, once admitted to push."""
    moved: bool = False
    """It was asked for by a former name: `label` is the present one."""


@dataclass(frozen=True)
class Refusal:
    """Stay out: 401 (a login might help), 403 (may read, not write), 404 (nothing to see), 429."""

    status: int
    message: str
    retry_after: int | None = None
    """Seconds, with 429."""


class GitAccess(Protocol):
    """Asked before each request; the answer must not tell absent from hidden (GIT-27)."""

    async def admit(
        self, credentials: Credentials, author: str, name: str, service: Service, address: str
    ) -> Admission | Refusal:
        """Whether this client may use `service` on `author/name` (without `.git`)."""
        ...


class OpenFolder:
    """Everybody may read and write whatever is there: for tests and a folder of one's own.

    `keys` maps `author/name` to the key of the repository.
    """

    def __init__(self, repositories: Repositories, keys: Mapping[str, SpaceKey]) -> None:
        self._repositories = repositories
        self._keys = keys

    async def admit(
        self, credentials: Credentials, author: str, name: str, service: Service, address: str
    ) -> Admission | Refusal:
        key = self._keys.get(f"{author}/{name}")
        if key is None or not self._repositories.exists(key):
            return Refusal(404, "There is no such repository.")
        return Admission(key, actor_id=credentials.user or None, label=f"{author}/{name}")


def repository_name(text: str) -> str | None:
    """The name in an address, without one `.git` at its end; None for what no repository has."""
    name = text.removesuffix(".git")
    plain = _PLAIN_NAME.fullmatch(name) and not name.startswith(".") and ".." not in name
    return name if plain else None

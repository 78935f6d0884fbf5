"""Where pushes go: asked of whoever holds the repositories.

Two hold some: `Repositories`, whose repositories nobody but us writes, and `plain.Folder`, into
whose repositories plain git may write at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from config.git import GitSettings
from gitserver.receive.quarantine import Quarantine
from gitserver.receive.request import PushRequest
from gitserver.receive.rules import ReceiveRules
from spaceport.names import SpaceKey
from spaceport.push import Push, RefUpdate

Reasons = dict[str, str]
"""Ref to the reason why it is refused."""


@dataclass(frozen=True)
class Storing:
    """What is to be stored: the refs of `request` that have no reason in `refused`."""

    request: PushRequest
    refused: Reasons
    quarantine: Quarantine
    pack: str
    """The name of the pack in quarantine, or '' when the push brought no objects."""

    push: Push
    """The same for the hooks: who pushes, with which options."""

    say: Callable[[str], None]
    """Takes text for the pusher."""

    @property
    def open_updates(self) -> list[RefUpdate]:
        return [update for update in self.request.updates if update.ref not in self.refused]


class Places(Protocol):
    """The repositories that can be pushed to. Everything blocks and runs on pool "git"."""

    @property
    def settings(self) -> GitSettings: ...

    def path(self, key: SpaceKey) -> Path:
        """The repository's own folder."""
        ...

    def objects(self, key: SpaceKey) -> tuple[Path, ...]:
        """The `objects` folders: the repository's own, then those it borrows from."""
        ...

    def rules(self, key: SpaceKey) -> ReceiveRules:
        """How it may be written now."""
        ...

    def shown(self, key: SpaceKey) -> Mapping[str, str]:
        """All refs by name. Raises `NotFound`, or `OSError` when reading fails."""
        ...

    def open_quarantine(self, key: SpaceKey) -> Quarantine:
        """A place, on the same file system, for the objects of a push."""
        ...

    def scratch(self, key: SpaceKey) -> tuple[Path, str]:
        """Folder and name for the quarantine of packs that are being joined."""
        ...

    def join_packs_at(self, key: SpaceKey) -> int:
        """From how many packs on small ones are joined; 0 for never."""
        ...

    def store(self, key: SpaceKey, storing: Storing) -> Reasons:
        """Store what is not refused; gives the reasons for all that was not stored. When this
        returns, every ref without a reason is on stable storage with its objects."""
        ...

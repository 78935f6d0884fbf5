"""A folder of repositories as the places that pushes go to, and as the door that they come by."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from config.git import CheckLimits, FetchLimits, GitSettings, PushLimits
from gitserver.access import Admission, Credentials, Refusal, Service
from gitserver.layout import common_of
from gitserver.locks import hold_folder
from gitserver.pack.store import with_alternates
from gitserver.plain.config import BadConfig, protected_config, read_config
from gitserver.plain.find import Found, find, owned_by_us
from gitserver.plain.rules import LIMITS, PlainRules, rules_of
from gitserver.plain.store import PlainPush
from gitserver.receive.places import Reasons, Storing
from gitserver.receive.quarantine import Quarantine, open_quarantine
from gitserver.receive.rules import ReceiveRules
from gitserver.upload.refs import read_refs
from spaceport.errors import NotFound
from spaceport.names import SpaceKey
from spaceport.pools import Pools

_log = logging.getLogger(__name__)
_HUGE = 1 << 50
_QUARANTINE = "tmp_objdir-spaceport"
"""git's own gc removes old folders of such names too."""

HOOK_SECONDS = 600.0


def plain_settings(fetch: FetchLimits = LIMITS) -> GitSettings:
    """No limits but those that a repository's configuration sets, and those of the machine."""
    return GitSettings(
        push=PushLimits(
            pack_bytes=_HUGE,
            objects=1 << 31,
            inflated_bytes=_HUGE,
            object_bytes=_HUGE,
            metadata_bytes=1 << 31,
            blob_bytes=_HUGE,
            inflate_ratio=1 << 20,
            commands=1 << 20,
            command_bytes=64 << 20,
            options=10_000,
            path_bytes=_HUGE,
            tree_depth=_HUGE,
            symlink_bytes=_HUGE,
        ),
        check=CheckLimits(memory=16 << 30, cpu=24 * 3600, wall=24 * 3600.0),
        fetch=fetch,
        refs=_HUGE,
        repository_bytes=0,
        body_idle=300.0,
    )


class Folder:
    """Implements `receive.places.Places` and `access.GitAccess`. A key is the real path of a
    repository; nothing is remembered of any, for all may change between two requests."""

    def __init__(
        self,
        root: Path,
        pools: Pools,
        settings: GitSettings | None = None,
        hook_seconds: float = HOOK_SECONDS,
    ) -> None:
        """`hook_seconds`: how long a hook may run before it is ended."""
        self.root = root.resolve()
        self.settings = settings or plain_settings()
        self._pools = pools
        self._hook_seconds = hook_seconds

    # Who may come in

    async def admit(
        self, credentials: Credentials, author: str, name: str, service: Service, address: str
    ) -> Admission | Refusal:
        """As `git http-backend`: what the repository's configuration says, for everybody."""
        return await self._pools.run("git", self._admit, name, service)

    def _admit(self, name: str, service: Service) -> Admission | Refusal:
        found = find(self.root, name)
        try:
            trusted = found is not None and _trusted(found)
        except OSError:  # it went meanwhile
            found = None
        if found is None:
            return Refusal(404, "There is no such repository.")
        if not trusted:
            _log.warning(
                "%s is owned by somebody else and not served; to trust it: "
                "git config --global --add safe.directory %s",
                *(found.git_dir, found.git_dir),
            )
            return Refusal(404, "There is no such repository.")
        try:
            rules = self._rules(found)
        except BadConfig as error:
            _log.warning("%s cannot be served: %s", found.git_dir, error)
            return Refusal(500, f"This repository cannot be served: {error}")
        allowed = rules.may_read if service is Service.UPLOAD_PACK else rules.may_write
        if not allowed:
            which = "http.uploadpack" if service is Service.UPLOAD_PACK else "http.receivepack"
            return Refusal(
                403, f"Service not enabled: '{service}'. The repository's {which} decides."
            )
        return Admission(str(found.git_dir), label=name, rules=rules.upload)

    # Where pushes go

    def path(self, key: SpaceKey) -> Path:
        return Path(key)

    def objects(self, key: SpaceKey) -> tuple[Path, ...]:
        return tuple(with_alternates(self._found(key).common / "objects"))

    def rules(self, key: SpaceKey) -> ReceiveRules:
        """Raises `BadConfig`, `NotFound`."""
        return self._rules(self._found(key)).receive

    def shown(self, key: SpaceKey) -> Mapping[str, str]:
        """All refs; symbolic ones have the value of what they name."""
        self._found(key)
        refs = read_refs(Path(key), lambda oid: "")
        return {name: ref.oid for name, ref in refs.refs.items()}

    def open_quarantine(self, key: SpaceKey) -> Quarantine:
        """In the repository's own `objects`, as git does it."""
        folder, name = self.scratch(key)
        _sweep(folder)
        return open_quarantine(folder, name)

    def scratch(self, key: SpaceKey) -> tuple[Path, str]:
        return self._found(key).common / "objects", _QUARANTINE

    def join_packs_at(self, key: SpaceKey) -> int:
        try:
            return self._rules(self._found(key)).checks.pack_limit
        except (BadConfig, NotFound):
            return 0

    def store(self, key: SpaceKey, storing: Storing) -> Reasons:
        found = self._found(key)
        return PlainPush(found, self._rules(found), storing, self._hook_seconds).run()

    def _found(self, key: SpaceKey) -> Found:
        git_dir = Path(key)
        found = Found(git_dir, common_of(git_dir).resolve())
        if not (found.common / "objects").is_dir():
            raise NotFound("This repository does not exist (any more).")
        return found

    def _rules(self, found: Found) -> PlainRules:
        config = read_config(found.git_dir, found.common)
        return rules_of(config, found.git_dir, found.common)


def _trusted(found: Found) -> bool:
    """git's `safe.directory`, which only the user's own and the system's configuration may set."""
    if owned_by_us(found):
        return True
    trusted: set[str] = set()
    try:
        for _, text in protected_config().all("safe.directory"):
            trusted = trusted | {text} if text else set()
    except BadConfig:
        return False
    places = {str(found.git_dir), str(found.git_dir.parent)}
    return any(fnmatchcase(place, pattern) for place in places for pattern in trusted)


def _sweep(objects: Path) -> None:
    """Remove what pushes of dead processes of ours left."""
    for folder in objects.glob(f"{_QUARANTINE}-*"):
        with suppress(OSError):
            mark = hold_folder(folder)
            if mark is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(mark)

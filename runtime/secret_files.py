"""A Space's secrets as files, `/run/secrets/NAME`, for as long as its replica lives (5.8, 5.18).

The files are in memory, in a folder that only Spaceport can enter, and are mounted into that one
container: no value is in an image, an argument, a label, or on a disk. They also tell which values
a running replica has, after the Space's own were changed: its log must hide those, too.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from spaceport.engine import EngineInfo, Mount
from spaceport.errors import Misconfigured

TARGET = "/run/secrets"
MEMORY = Path("/dev/shm")  # noqa: S108  the folder in it is ours alone, and checked to be
APP_UID = 1000
WAITING = "waiting-"
"""So begin the names of folders of containers that wait for their app (`runtime.prestart`)."""


class SecretFiles:
    """One folder for each replica that has secrets. All calls block and may be repeated."""

    def __init__(self, instance: str, memory: Path = MEMORY) -> None:
        self._root = memory / f"spaceport-{instance}-secrets"
        self._usable = memory.is_dir() and os.access(memory, os.W_OK | os.X_OK)
        self._owner: int | None = None  # the host's user that is the app's inside, where known

    def learn(self, info: EngineInfo) -> None:
        """What the engine is: one on another machine sees no files of this one, and who a file's
        owner is inside depends on it. Until then whoever is inside may read the files."""
        self._usable = self._usable and info.local
        self._owner = _owner(info, os.geteuid())

    def mount(self, replica_id: str, secrets: Mapping[str, str]) -> tuple[Mount, ...]:
        """Where the container finds what `lay` will have laid; nothing without secrets, and where
        there is no file system in memory: a disk would keep the values."""
        if not secrets or not self._usable:
            return ()
        return (Mount(self._root / replica_id, TARGET),)

    def prepare(self, name: str) -> tuple[Mount, ...]:
        """An empty folder (`name` begins with `WAITING`) for a container of which nobody knows yet
        whose it will be. Raises `Misconfigured`."""
        if not self._usable:
            return ()
        self._enter()
        (self._root / name).mkdir(exist_ok=True)
        (self._root / name).chmod(0o755)
        return (Mount(self._root / name, TARGET),)

    def fill(self, name: str, replica_id: str, secrets: Mapping[str, str]) -> None:
        """Now it is known: what was prepared becomes that replica's. Raises `Misconfigured`."""
        if not self._usable:
            return
        self.lay(name, secrets)
        with suppress(FileExistsError):
            (self._root / replica_id).symlink_to(name)

    def prepared(self) -> set[str]:
        """The folders that wait, or became a replica's."""
        return {name for name in self._names() if name.startswith(WAITING)}

    def lay(self, replica_id: str, secrets: Mapping[str, str]) -> None:
        """Write the files. Raises `Misconfigured` when that is not possible."""
        if not secrets or not self._usable:
            return
        try:
            self._lay(replica_id, secrets)
        except OSError as error:
            raise Misconfigured(
                f"The secrets could not be laid out in {self._root}: {error.strerror}.",
                hint="Make room there, then restart the Space.",
            ) from error

    def _lay(self, replica_id: str, secrets: Mapping[str, str]) -> None:
        self._enter()
        folder = self._root / replica_id
        folder.mkdir(exist_ok=True)  # kept when it is there: it may be mounted already
        for left in folder.iterdir():
            left.unlink()
        for name, value in secrets.items():
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
            with os.fdopen(descriptor, "wb") as file:
                file.write(value.encode())
            self._give(folder / name)
        folder.chmod(0o755)

    def values(self, replica_id: str) -> tuple[str, ...]:
        """What this replica was given."""
        found = []
        with suppress(OSError):
            for file in (self._root / replica_id).iterdir():
                found.append(file.read_bytes().decode())
        return tuple(found)

    def discard(self, replica_id: str) -> None:
        """The replica is gone."""
        place = self._root / replica_id
        if place.is_symlink():
            shutil.rmtree(self._root / place.readlink().name, ignore_errors=True)
            place.unlink(missing_ok=True)
        else:
            shutil.rmtree(place, ignore_errors=True)

    def laid(self) -> set[str]:
        """The replicas that have files. Look here first, and then which of them are alive."""
        return {name for name in self._names() if not name.startswith(WAITING)}

    def _names(self) -> set[str]:
        try:
            return {folder.name for folder in self._root.iterdir()}
        except OSError:
            return set()

    def _enter(self) -> None:
        """Others may write to the folder above, so what is there may be somebody else's."""
        self._root.mkdir(mode=0o700, exist_ok=True)
        status = self._root.lstat()
        private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
        if not private or status.st_uid != os.geteuid():
            raise Misconfigured(
                f"{self._root} is not a folder of Spaceport's own; secrets are not put there.",
                hint="Remove it, then restart the Space.",
            )

    def _give(self, file: Path) -> None:
        """To the app alone where its user on the host is known, else to whoever is inside."""
        if self._owner is None:
            file.chmod(0o444)
        elif self._owner != os.geteuid():
            os.chown(file, self._owner, self._owner)


def _owner(info: EngineInfo, me: int) -> int | None:
    """The host's user that is 1000 inside; None where that cannot be known or given."""
    if info.maps_users:
        return None
    if info.name == "process":
        return me
    return APP_UID if me in (0, APP_UID) else None

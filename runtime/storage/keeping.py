"""What replicas mount, kept in order: there before a start, gone when nobody needs it any more.

A replica's row names what it holds before anything is mounted for it. Whoever takes something away
holds its lock and reads the rows again; so neither ever meets the other half way.
"""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

from config.storage import StorageSettings
from runtime.storage.disks import OWNER, Disks
from runtime.storage.ext4 import DiskError
from runtime.storage.needs import Needs, NoSources, ScratchNeed, ShareNeed, Sources
from spaceport.engine import Mount
from spaceport.errors import Unavailable
from spaceport.ledger import Ledger, replicas, volumes
from spaceport.ledger.volumes import held_disk
from spaceport.names import SpaceKey

logger = logging.getLogger(__name__)

PRESTARTED, SCRATCH = "prestarted", "scratch"
"""`prestarted/<number>/scratch` names the disk of a process that waits for its app."""
TRY = "try"  # where `Disks` tries whether it can mount at all


class Storage:
    """One for each data folder. All of it blocks."""

    def __init__(
        self,
        ledger: Ledger,
        data: Path,
        settings: StorageSettings,
        sources: Sources | None = None,
    ) -> None:
        self.disks = Disks(data, settings)
        self.sources = sources or NoSources()
        self._ledger = ledger
        self._data = data
        self._settings = settings

    def mounts(self, needs: Needs) -> tuple[Mount, ...]:
        """Make all of it ready. Raises `SpaceportError` with what a person can be told."""
        found = []
        for disk in needs.disks:
            folder = self.disks.ready(disk.disk.id, disk.disk.size)
            found.append(Mount(folder, disk.target, disk.read_only))
        for share in needs.shares:
            found.append(Mount(self._shared(share), share.target))
        if needs.scratch is not None:
            found += self._scratch(needs.scratch)
        return tuple(found)

    def scratch_need(self, size: int, home: str) -> ScratchNeed | None:
        """None where disks cannot be had, or the operator wants none."""
        if not self._settings.scratch or not self.disks.limited:
            return None
        return ScratchNeed(volumes.new_scratch(), size, home)

    def _scratch(self, need: ScratchNeed) -> tuple[Mount, ...]:
        """Fresh places for what an app writes outside its storage. Raises `SpaceportError`."""
        root = self.disks.ready(need.id, need.size)
        tmp, home = root / "tmp", root / "home"
        for folder, mode in ((tmp, 0o1777), (home, 0o777)):
            folder.mkdir(exist_ok=True)
            folder.chmod(mode)
            os.chown(folder, *OWNER)
        return (
            Mount(tmp, "/tmp", read_only=False),  # noqa: S108  (inside the container)
            Mount(home, need.home, read_only=False),
        )

    def _shared(self, need: ShareNeed) -> Path:
        with self.disks.lock(need.folder):
            self.sources.lay_out(need.key, need.commit, need.folder)
        root = self._data / need.folder
        place = root / need.path
        if not place.resolve().is_relative_to(root.resolve()) or not place.exists():
            raise Unavailable(f"There is no {need.path!r} in it at {need.commit[:7]}.")
        return place

    def sweep(self) -> None:
        """Unmount what no replica holds; remove what was deleted, and what no row names."""
        mounted, shares = self.disks.mounted(), self._shares()
        with self._ledger.read() as tx:
            rows = {disk.id: disk for disk in volumes.all_disks(tx)}
        deleted = {disk.id for disk in rows.values() if disk.deleted_at is not None}
        orphans = {one for one in self.disks.present() if one not in rows and one != TRY}
        for disk_id in sorted(mounted.keys() | deleted | orphans):
            try:
                self._sweep_disk(disk_id, remove=disk_id not in rows or disk_id in deleted)
            except (DiskError, OSError) as error:
                logger.warning("the disk %s is left as it is: %s", disk_id, error)
        for folder in shares:
            with self.disks.lock(folder):
                if not self._held(folder):
                    shutil.rmtree(self._data / folder, ignore_errors=True)
                    with suppress(OSError):  # others of the same source are there
                        (self._data / folder).parent.rmdir()

    def _sweep_disk(self, disk_id: str, *, remove: bool) -> None:
        with self.disks.lock(disk_id):
            if self._held(held_disk(disk_id)):
                return
            self.disks.release(disk_id)
        if remove:  # nobody mounts it any more: its row is deleted or not there
            self.disks.remove(disk_id)
            with self._ledger.write() as tx:
                volumes.forget(tx, disk_id)

    def remove_of(self, key: SpaceKey) -> None:
        """The disk of a deleted Space of which nothing runs any more."""
        with self._ledger.read() as tx:
            found = [disk.id for disk in volumes.all_disks(tx) if disk.space_key == key]
        for disk_id in found:
            self.disks.remove(disk_id)

    def _held(self, name: str) -> bool:
        waiting = (self._data / PRESTARTED).glob(f"*/{SCRATCH}")
        for file in waiting:
            with suppress(FileNotFoundError):
                if name == held_disk(file.read_text()):
                    return True
        with self._ledger.read() as tx:
            return any(name in replica.holds for replica in replicas.alive(tx))

    def _shares(self) -> list[str]:
        found = (self._data / "shares").glob("*/*")
        return sorted(path.relative_to(self._data).as_posix() for path in found)

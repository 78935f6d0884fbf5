"""The persistent disks of an installation, by id: ready to be mounted, measured, removed.

In the data folder, for each disk:
volumes/<id>/disk.img    its file system, sparse
volumes/<id>/root        where that is mounted on the host; a folder by itself where the operator
                         accepts storage without a limit

Nothing is held in memory but locks: the mounts of the machine say what is mounted.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from config.storage import StorageSettings
from runtime.engine.usage import bytes_below
from runtime.storage import ext4
from runtime.storage.ext4 import DiskError, Filled
from spaceport.errors import Unavailable

logger = logging.getLogger(__name__)

OWNER = (1000, 1000)  # the user of every app (`container_spec.APP_USER`)
PATIENCE = 5.0  # seconds for the kernel to let go of a mount that has ended
IMAGE, ROOT = "disk.img", "root"
HINT = (
    "Run Spaceport as root where loop devices can be had, or set runtime.storage.plain: true "
    "to give Spaces folders without a limit."
)


class Disks:
    """`data` is the data folder. All of it blocks."""

    def __init__(self, data: Path, settings: StorageSettings) -> None:
        self._folder = data / "volumes"
        self._settings = settings
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._refused: str | None = None

    def refused(self) -> str:
        """Why disks cannot be mounted here; empty if they can. Tried once, with a small one."""
        if self._refused is None:
            self._refused = self._try()
        return self._refused

    @property
    def limited(self) -> bool:
        """Whether a disk's size holds."""
        return not self.refused()

    def lock(self, disk_id: str) -> threading.Lock:
        """Held by whoever mounts, unmounts or removes it."""
        return self._locks[disk_id]

    def ready(self, disk_id: str, size: int) -> Path:
        """The folder to be mounted into a container: made, grown to `size` bytes, mounted.

        Raises `Unavailable` where this server cannot have any, `DiskError` for what went wrong.
        """
        with self.lock(disk_id):
            place = self._folder / disk_id
            if self.refused() and not (place / IMAGE).exists():
                return self._plain(place)
            if self.refused():
                raise Unavailable(f"Disks cannot be mounted here: {self.refused()}", hint=HINT)
            try:
                return self._mounted(place, size)
            except OSError as error:
                raise DiskError(f"{error.strerror or error}") from error

    def release(self, disk_id: str) -> None:
        """Unmount it; call it with the disk's lock held, when no replica has it."""
        ext4.unmount(self._folder / disk_id / ROOT)

    def remove(self, disk_id: str) -> None:
        """Remove it with all that is in it. May be called again."""
        with self.lock(disk_id):
            place = self._folder / disk_id
            if not place.exists():
                return
            ext4.unmount(place / ROOT, lazy=True)
            shutil.rmtree(place)

    def present(self) -> list[str]:
        """The ids of all that have files here."""
        try:
            return sorted(entry.name for entry in self._folder.iterdir() if entry.is_dir())
        except FileNotFoundError:
            return []

    def mounted(self) -> dict[str, ext4.Mounted]:
        """Those that are mounted, by id."""
        if not self._folder.exists():
            return {}
        found = {mount.target: mount for mount in ext4.all_mounted()}
        places = {one: str(self._folder / one / ROOT) for one in self.present()}
        return {one: found[place] for one, place in places.items() if place in found}

    def filled(self, disk_id: str) -> Filled | None:
        """How full it is; None for one that was never used. Of a plain folder the size is 0."""
        place = self._folder / disk_id
        try:
            if ext4.mounted_at(place / ROOT) is not None:
                return ext4.filled(place / ROOT)
            if (place / IMAGE).exists():
                return ext4.superblock_of(place / IMAGE).filled
            return Filled(0, bytes_below(place / ROOT)) if (place / ROOT).exists() else None
        except (OSError, DiskError):
            return None

    def taken(self) -> int:
        """Bytes of the host's disk that all of them take up."""
        images = [self._folder / disk_id / IMAGE for disk_id in self.present()]
        return sum(image.stat().st_blocks * 512 for image in images if image.exists())

    def keep_reserve(self) -> None:
        """Let the mounted disks hold no more than the host has, less the reserve (`ext4.bound`)."""
        found = self.mounted()
        if not found:
            return
        left = available(
            shutil.disk_usage(self._folder).free, self._settings.reserve, mounted=len(found)
        )
        for mount in found.values():
            with suppress(DiskError, OSError):  # unmounted just now
                ext4.bound(mount.device, left, Path(mount.target))

    def _mounted(self, place: Path, size: int) -> Path:
        image, root = place / IMAGE, place / ROOT
        self._make_folders(place)
        if not image.exists():
            ext4.make(image, size, OWNER)
        grows = ext4.smaller(image, size)
        if grows:
            with suppress(DiskError):  # somebody of this server is in it
                ext4.unmount(root)
        mounted = ext4.mounted_at(root)
        device = mounted.device if mounted else _attached(image, PATIENCE if grows else 0)
        if device is None:
            ext4.grow(image, size)
            ext4.mount(image, root)
        else:
            if mounted is None:  # another namespace has it: the same device, never the file anew
                ext4.mount_device(device, root)
            if grows:
                self._grow_mounted(image, device, size)
        if mounted is None:
            shutil.rmtree(root / "lost+found", ignore_errors=True)
            root.chmod(0o777)  # with user namespaces the engine's user 1000 is another one here
        self.keep_reserve()
        return root

    def _grow_mounted(self, image: Path, device: str, size: int) -> None:
        try:
            ext4.grow_mounted(image, device, size)
        except DiskError as error:
            logger.warning("%s grows at a later start: %s", image, error)

    def _make_folders(self, place: Path) -> None:
        """Nobody but us may walk to a disk. What lies below a mount point belongs to root and
        cannot be written: an app that is started without the mount must not lose its files."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
        (place / ROOT).mkdir(mode=0o500, exist_ok=True)

    def _plain(self, place: Path) -> Path:
        if not self._settings.plain:
            raise Unavailable(
                f"This server cannot have persistent storage: {self.refused()}", hint=HINT
            )
        self._folder.mkdir(mode=0o700, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
        root = place / ROOT
        root.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            os.chown(root, *OWNER)
        else:  # the app's user in a container is another than ours
            root.chmod(0o777)
        return root

    def _try(self) -> str:
        if os.geteuid() != 0:
            return "Spaceport does not run as root"
        missing = ext4.missing_programs()
        if missing:
            return f"{', '.join(missing)} cannot be found"
        place = self._folder / "try"
        try:
            self._make_folders(place)
            ext4.make(place / IMAGE, 1 << 20, OWNER)
            ext4.mount(place / IMAGE, place / ROOT)
        except (OSError, DiskError) as error:
            return str(error)
        finally:
            self.remove("try")
        return ""


def _attached(image: Path, patience: float) -> str | None:
    """The loop device that still has it; that of an app which has just ended goes in a moment."""
    end = time.monotonic() + patience
    device = ext4.attached(image)
    while device is not None and time.monotonic() < end:
        time.sleep(0.05)
        device = ext4.attached(image)
    return device


def available(free: int, reserve: int, *, mounted: int) -> int:
    """How many bytes of files a disk may still take of `free` ones on the host.

    Besides the files there is each journal, and what tells where files are: 256 bytes for each
    file, which for the smallest files is a sixteenth.
    """
    return max(0, free - reserve - mounted * ext4.JOURNAL) * 15 // 16

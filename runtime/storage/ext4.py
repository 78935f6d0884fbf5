"""A file that holds an ext4 file system: made, grown, mounted. Thin over e2fsprogs and mount(8).

It is sparse: it takes up what is in it, not what it may hold (engine.md 2). Everything here may be
done again after a crash at any point.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spaceport.errors import SpaceportError

PROGRAMS = ("mkfs.ext4", "resize2fs", "e2fsck", "losetup", "mount", "umount")
OPTIONS = "loop,nosuid,nodev,noatime,discard,noinit_itable"
"""`discard`: what an app deletes is the host's again. The inode tables are left unwritten, or the
kernel would fill the sparse file with 16 GB of them for a disk of 1 TB."""
JOURNAL = 16 << 20
"""Bytes; by itself mkfs would take up to 1 GB, which each disk would grow by as it is written."""
SECONDS = 120.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_SUPERBLOCK = 1024  # bytes before it
_LAST_BLOCK = 1 << 16


class DiskError(SpaceportError):
    """Raised when a disk cannot be made, grown or mounted; the text is the tool's."""


@dataclass(frozen=True)
class Filled:
    """How full a disk is, in bytes."""

    size: int
    used: int


@dataclass(frozen=True)
class Superblock:
    """What ext4 says of itself (ext4(5), "struct ext4_super_block"). Sizes in bytes."""

    length: int
    free: int
    overhead: int  # what the file system needs for itself; not counted as used, as in statfs(2)

    @classmethod
    def parse(cls, data: bytes) -> Superblock:
        """The block's 1024 bytes. Raises `DiskError`."""
        if len(data) < 0x24C or data[0x38:0x3A] != b"\x53\xef":
            raise DiskError("there is no ext4 file system in it")

        def number(at: int) -> int:
            return int.from_bytes(data[at : at + 4], "little")

        wide = number(0x60) & 0x80  # the feature "64bit": the upper halves count
        blocks = number(0x4) | (number(0x150) << 32 if wide else 0)
        free = number(0xC) | (number(0x158) << 32 if wide else 0)
        size = 1024 << number(0x18)
        return cls(blocks * size, free * size, number(0x248) * size)

    @property
    def filled(self) -> Filled:
        size = self.length - self.overhead
        return Filled(size, max(0, size - self.free))


@dataclass(frozen=True)
class Mounted:
    """A mount of this machine: where, and the device's name (`loop3`)."""

    target: str
    device: str


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]


def make(image: Path, size: int, owner: tuple[int, int]) -> None:
    """An empty file system of `size` bytes whose root belongs to `owner`; there whole, or not."""
    half = image.with_name(image.name + ".half")
    half.unlink(missing_ok=True)
    _truncate(half, size)
    options = f"root_owner={owner[0]}:{owner[1]},lazy_itable_init=1,lazy_journal_init=1,nodiscard"
    journal = ("-J", f"size={JOURNAL >> 20}") if size > 16 * JOURNAL else ()
    _run("mkfs.ext4", "-q", "-F", "-m", "0", *journal, "-E", options, str(half))
    half.rename(image)


def grow(image: Path, size: int) -> None:
    """Make it `size` bytes if it is smaller; it must not be mounted or attached anywhere.

    Not while mounted: the kernel lets only CAP_SYS_RESOURCE do that, which root in a container or
    on a hardened host often lacks; and the restart of the app is a good moment.
    """
    if smaller(image, size):
        if image.stat().st_size < size:
            _truncate(image, size)
        _run("e2fsck", "-f", "-p", str(image), fine=(0, 1))
        _run("resize2fs", str(image))


def smaller(image: Path, size: int) -> bool:
    """Whether its file system has fewer bytes than that, but for a block that is cut off."""
    return superblock_of(image).length + _LAST_BLOCK < size


def grow_mounted(image: Path, device: str, size: int) -> None:
    """The same for one that is mounted; only where the kernel allows us that."""
    if image.stat().st_size < size:
        _truncate(image, size)
    _run("losetup", "-c", f"/dev/{device}")
    _run("resize2fs", f"/dev/{device}")


def mount(image: Path, target: Path) -> None:
    """Mount it, after mending what a crash of the host may have broken."""
    command = ("mount", "-t", "ext4", "-o", OPTIONS, str(image), str(target))
    try:
        _run(*command)
    except DiskError:
        _run("e2fsck", "-p", str(image), fine=(0, 1))
        _run(*command)


def mount_device(device: str, target: Path) -> None:
    """One more mount of a file system that is mounted somewhere already."""
    options = ",".join(option for option in OPTIONS.split(",") if option != "loop")
    _run("mount", "-t", "ext4", "-o", options, f"/dev/{device}", str(target))


def unmount(target: Path, *, lazy: bool = False) -> None:
    """`lazy`: also while somebody is in it, who may finish. Not mounted is fine."""
    if mounted_at(target) is not None:
        _run("umount", *(("-l",) if lazy else ()), str(target))


def mounted_at(target: Path) -> Mounted | None:
    """What is mounted there last."""
    wanted = str(target)
    found = [one for one in all_mounted() if one.target == wanted]
    return found[-1] if found else None


def all_mounted() -> list[Mounted]:
    return mounts(Path("/proc/self/mountinfo").read_text().splitlines())


def mounts(lines: Iterable[str]) -> list[Mounted]:
    """The loop mounts in `/proc/self/mountinfo` (proc(5)); spaces are written `\\040` there."""
    found = []
    for line in lines:
        before, _, after = line.partition(" - ")
        source = after.split()[1] if len(after.split()) > 1 else ""
        if source.startswith("/dev/loop"):
            target = before.split()[4].encode().decode("unicode_escape")
            found.append(Mounted(target, source.removeprefix("/dev/")))
    return found


def attached(image: Path) -> str | None:
    """The loop device that has the file open, also for a mount that only another namespace sees."""
    wanted = str(image)
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if backing.read_text().strip() == wanted:
                return backing.parent.parent.name
        except OSError:  # detached just now
            continue
    return None


def filled(target: Path) -> Filled:
    """Of a mounted one."""
    found = os.statvfs(target)
    return Filled(
        found.f_blocks * found.f_frsize, (found.f_blocks - found.f_bfree) * found.f_frsize
    )


def superblock_of(image: Path) -> Superblock:
    """Of one that is not mounted. Raises `DiskError` if there is none."""
    with image.open("rb") as file:
        file.seek(_SUPERBLOCK)
        return Superblock.parse(file.read(1024))


def bound(device: str, available: int, target: Path) -> None:
    """Let the mounted file system promise at most `available` bytes more, whatever its size.

    The kernel sets that much aside as reserved (`reserved_clusters`), so that a writer is told
    ENOSPC at once, instead of losing data when the host's own disk is full behind its back.
    """
    knob = Path(f"/sys/fs/ext4/{device}/reserved_clusters")
    found = os.statvfs(target)
    cluster = found.f_bsize
    free, most = found.f_bfree, found.f_blocks - 1
    wanted = max(0, min(most, free - available // cluster))
    try:
        if int(knob.read_text()) != wanted:
            knob.write_text(str(wanted))
    except (OSError, ValueError) as error:
        raise DiskError(f"{knob}: {error}") from error


def _truncate(file: Path, size: int) -> None:
    with file.open("ab") as out:
        out.truncate(size)
        os.fsync(out.fileno())


def _run(program: str, *arguments: str, fine: tuple[int, ...] = (0,)) -> None:
    try:
        ran = subprocess.run(
            [program, *arguments],
            env={"PATH": _PATH, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            errors="replace",
        )
    except FileNotFoundError:
        raise DiskError(f"{program} is not installed on this server") from None
    except subprocess.TimeoutExpired:
        raise DiskError(f"{program} did not end within {SECONDS:g} seconds") from None
    if ran.returncode not in fine:
        said = (ran.stderr or ran.stdout).strip().splitlines()
        raise DiskError(f"{program}: {said[-1] if said else f'exit code {ran.returncode}'}"[:300])

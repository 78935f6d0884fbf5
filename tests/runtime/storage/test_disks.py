"""Disks without any container: made, grown, full, removed; and what the kernel's files say."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.storage import StorageSettings
from runtime.storage import ext4
from runtime.storage.disks import Disks
from runtime.storage.ext4 import DiskError, Mounted, Superblock
from spaceport.errors import Unavailable
from tests.disks import small_disk, unmount_below
from tests.waiting import eventually

MIB = 1024**2
ID = "d" * 24

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Disks]:
    made = Disks(tmp_path, StorageSettings(reserve=0))
    if made.refused():
        pytest.skip(made.refused())
    yield made
    unmount_below(tmp_path)


def release(disks: Disks, disk_id: str = ID) -> None:
    with disks.lock(disk_id):
        disks.release(disk_id)


def test_it_is_sparse_counts_only_files_and_grows_between_mounts(
    disks: Disks, tmp_path: Path
) -> None:
    root = disks.ready(ID, 1024 * MIB)
    assert disks.taken() < 40 * MIB
    assert list(root.iterdir()) == []  # no lost+found to wonder about
    mounted = disks.filled(ID)
    assert mounted is not None and mounted.used < MIB
    (root / "kept").write_bytes(b"x" * 3 * MIB)
    assert disks.ready(ID, 1024 * MIB) == root  # again is fine
    release(disks)
    release(disks)
    unmounted = disks.filled(ID)
    assert unmounted is not None and 3 * MIB <= unmounted.used < 4 * MIB
    disks.ready(ID, 2048 * MIB)
    grown = disks.filled(ID)
    assert grown is not None and grown.size > 1900 * MIB
    assert (root / "kept").stat().st_size == 3 * MIB
    disks.ready(ID, 100 * MIB)  # never smaller
    assert disks.filled(ID) == grown
    disks.remove(ID)
    disks.remove(ID)
    assert disks.present() == [] and disks.filled(ID) is None


def test_a_crash_while_it_is_made_or_grown_is_mended(disks: Disks, tmp_path: Path) -> None:
    place = tmp_path / "volumes" / ID
    place.mkdir(parents=True)
    (place / "disk.img.half").write_bytes(b"half")
    disks.ready(ID, 16 * MIB)
    release(disks)
    with (place / "disk.img").open("ab") as image:
        image.truncate(64 * MIB)  # as far as a grow came before a crash
    disks.ready(ID, 64 * MIB)
    found = disks.filled(ID)
    assert found is not None and found.size > 50 * MIB


def test_a_file_that_somebody_has_open_is_mounted_again_not_twice(
    disks: Disks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a mount that only another namespace still has."""
    monkeypatch.setattr("runtime.storage.disks.PATIENCE", 0.1)
    root = disks.ready(ID, 16 * MIB)
    (root / "kept").write_text("precious")
    other = tmp_path / "other"
    other.mkdir()
    ext4.mount_device(disks.mounted()[ID].device, other)
    release(disks)
    disks.ready(ID, 64 * MIB)
    assert (root / "kept").read_text() == "precious"
    assert {one.device for one in ext4.all_mounted() if str(tmp_path) in one.target} == {
        disks.mounted()[ID].device
    }
    # it grows now where the kernel allows that, else at the next start
    ext4.unmount(other)
    release(disks)
    disks.ready(ID, 64 * MIB)
    found = disks.filled(ID)
    assert found is not None and found.size > 50 * MIB


@pytest.mark.req("RUN-06")
def test_a_full_host_is_told_at_the_write_and_nothing_written_is_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path / "host", 96) as host:
        disks = Disks(host, StorageSettings(reserve=16 * MIB))
        try:
            root = disks.ready(ID, 1024 * MIB)  # more than the host has
            blocks = 0
            with (root / "log").open("wb", buffering=0) as file, pytest.raises(OSError) as told:
                while True:
                    file.write(blocks.to_bytes(4, "big") * 16384)
                    os.fsync(file.fileno())
                    blocks += 1
            assert told.value.errno == errno.ENOSPC  # not EIO
            assert blocks * 65536 > 40 * MIB
            left = os.statvfs(host)
            assert left.f_bavail * left.f_frsize > 8 * MIB  # the reserve is not taken
            release(disks)
            disks.ready(ID, 1024 * MIB)
            data = (root / "log").read_bytes()
            for number in range(blocks):
                here = data[number * 65536 : (number + 1) * 65536]
                assert here == number.to_bytes(4, "big") * 16384
            (root / "log").unlink()

            def room_again() -> bool:
                os.sync()  # then what was deleted is discarded, and the host has it back
                disks.keep_reserve()
                found = os.statvfs(root)
                return found.f_bavail * found.f_frsize > 30 * MIB

            eventually(room_again)
            (root / "again").write_bytes(bytes(20 * MIB))
        finally:
            disks.remove(ID)


def test_where_disks_cannot_be_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    disks = Disks(tmp_path, StorageSettings())
    assert disks.refused() == "Spaceport does not run as root" and not disks.limited
    with pytest.raises(Unavailable, match="cannot have persistent storage") as refused:
        disks.ready(ID, MIB)
    assert "runtime.storage.plain" in refused.value.hint
    plain = Disks(tmp_path, StorageSettings(plain=True))
    root = plain.ready(ID, MIB)
    (root / "x").write_bytes(bytes(MIB))
    found = plain.filled(ID)
    assert found is not None and (found.size, found.used >= MIB) == (0, True)
    plain.remove(ID)
    assert plain.present() == []


def test_mountinfo() -> None:
    lines = [
        "44 27 7:0 / /srv/a\\040b/root rw,nosuid - ext4 /dev/loop12 rw,discard",
        "45 27 254:0 / / rw - ext4 /dev/vda rw",
        "46 27 0:5 / /proc rw - proc proc rw",
        "47 27 7:1 / /x rw shared:1 master:2 - ext4 /dev/loop1 rw",
    ]
    assert ext4.mounts(lines) == [Mounted("/srv/a b/root", "loop12"), Mounted("/x", "loop1")]


@pytest.mark.parametrize("data", [b"", b"\0" * 1024, b"\0" * 56 + b"\x53\xef"])
def test_what_is_no_superblock(data: bytes) -> None:
    with pytest.raises(DiskError):
        Superblock.parse(data)

"""The spool: bounded, and nothing left in it for long."""

from __future__ import annotations

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitserver.xet.spool import Spool, SpoolFull, SpoolLimits, Upload, UploadTooLarge
from spaceport.errors import Conflict
from tests.gitserver.xet.making import name

LIMITS = SpoolLimits(all_bytes=1000, space_bytes=600, free_bytes=0, files=3, idle=60.0)
ONE, TWO = Upload("space-a", "upload-1"), Upload("space-b", "upload-2")


def send(spool: Spool, upload: Upload, number: int, data: bytes, most: int | None = None) -> bool:
    with spool.receive(upload, len(data) if most is None else most) as part:
        part.write([data])
        return part.keep(spool.xorb(upload, name(number)))


def everything(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_what_is_kept_counts_and_what_is_not_goes(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMITS)
    assert send(spool, ONE, 1, b"x" * 100, most=600)
    assert spool.used(ONE.space) == 100
    assert not send(spool, ONE, 1, b"y" * 100)  # the first one stays
    assert spool.xorb(ONE, name(1)).read_bytes() == b"x" * 100
    with pytest.raises(RuntimeError), spool.receive(ONE, 50) as part:
        part.write([b"z" * 50])
        assert spool.used(ONE.space) == 150
        raise RuntimeError
    assert spool.used(ONE.space) == 100 and everything(tmp_path) == [name(1)]
    spool.drop(ONE)
    spool.drop(ONE)
    assert spool.used(ONE.space) == 0 and everything(tmp_path) == []
    assert list((tmp_path / ONE.space).iterdir()) == []


def test_limits_of_a_space_of_the_server_and_of_an_upload(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMITS)
    send(spool, ONE, 1, b"x" * 600)
    with pytest.raises(SpoolFull, match="at once"):
        send(spool, Upload(ONE.space, "other"), 2, b"x")
    with pytest.raises(UploadTooLarge, match="600 bytes"):
        send(spool, ONE, 2, b"x")
    send(spool, TWO, 1, b"x" * 400)
    with pytest.raises(SpoolFull, match="at once"):
        send(spool, TWO, 2, b"x")
    spool.drop(ONE)
    for number in (2, 3):
        send(spool, TWO, number, b"x")
    with pytest.raises(UploadTooLarge, match="3 parts"):
        send(spool, TWO, 4, b"x")
    with pytest.raises(OSError, match="reserved"):
        send(spool, ONE, 1, b"xx", most=1)
    assert spool.used(ONE.space) == 0


def test_some_room_stays_on_the_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path, SpoolLimits(1000, 600, 2**62, 3, 60.0))
    with pytest.raises(OSError, match="room") as raised:
        send(spool, ONE, 1, b"x")
    assert raised.value.errno == errno.ENOSPC
    assert spool.used(ONE.space) == 0 and everything(tmp_path) == []


@pytest.mark.req("LFS-07")
def test_parallel_uploads_cannot_pass_the_limit_together(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMITS)

    def one(number: int) -> bool:
        try:
            return send(spool, Upload(ONE.space, f"upload-{number}"), 1, b"x" * 100)
        except SpoolFull:
            return False

    with ThreadPoolExecutor(20) as pool:
        kept = sum(pool.map(one, range(20)))
    assert 1 <= kept <= 6 and spool.used(ONE.space) == kept * 100
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) == kept * 100


def test_an_upload_that_is_dropped_while_it_is_sent(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMITS)
    with spool.receive(ONE, 10) as part:
        part.write([b"x" * 10])
        spool.drop(ONE)
        with pytest.raises(Conflict):
            part.keep(spool.xorb(ONE, name(1)))
    assert spool.used(ONE.space) == 0 and everything(tmp_path) == []


def test_abandoned_uploads_go_and_those_of_deleted_spaces(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMITS)
    send(spool, ONE, 1, b"x")
    send(spool, TWO, 1, b"x")
    now = time.time()
    assert spool.sweep(now, lambda key: False) == 0
    assert spool.sweep(now, lambda key: key == TWO.space) == 1
    assert not (tmp_path / TWO.space).exists()
    os.utime(spool.folder(ONE), (now - 61, now - 61))
    with spool.receive(ONE, 10):
        os.utime(spool.folder(ONE), (now - 61, now - 61))
        assert spool.sweep(now, lambda key: False) == 0  # somebody is sending
    os.utime(spool.folder(ONE), (now - 61, now - 61))
    assert spool.sweep(now, lambda key: False) == 1
    assert everything(tmp_path) == [] and spool.used(ONE.space) == 0


def test_after_a_crash_parts_go_and_whole_xorbs_stay(tmp_path: Path) -> None:
    before = Spool(tmp_path, LIMITS)
    send(before, ONE, 1, b"x" * 30)
    (before.folder(ONE) / "part-left").write_bytes(b"y" * 500)
    (tmp_path / ".doomed-left" / "upload").mkdir(parents=True)
    (tmp_path / ".doomed-left" / "upload" / name(1)).write_bytes(b"z")
    (tmp_path / "not-ours").touch()
    (tmp_path / ONE.space / "nor-this").touch()
    after = Spool(tmp_path, LIMITS)
    assert after.sweep(time.time(), lambda key: False) == 0
    (tmp_path / "not-ours").unlink()
    (tmp_path / ONE.space / "nor-this").unlink()
    assert everything(tmp_path) == [name(1)] and after.used(ONE.space) == 30
    assert [path.name for path in tmp_path.iterdir()] == [ONE.space]

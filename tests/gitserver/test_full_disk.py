"""A file system that is full, and one that cannot be written: said plainly, nothing half there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from spaceport import failpoints
from spaceport.push import MAIN
from tests import disks
from tests.gitserver import packs
from tests.gitserver.writing import (
    Server,
    clone,
    commit,
    fsck,
    git,
    left_behind,
    post,
    push_body,
    raw_push,
    serving,
)
from tests.waiting import eventually

MIB = 1 << 20
FILE = packs.blob(b"x")
TREE = packs.tree(("100644", b"f", packs.oid(FILE)))
ROOT = packs.commit(packs.oid(TREE))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB of its own."""
    with disks.small_disk(tmp_path / "disk", 4) as folder:
        yield folder


@pytest.mark.req("DUR-08")
def test_a_push_that_does_not_fit(small_disk: Path, tmp_path: Path) -> None:
    noise = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(5 * MIB // 32))
    with serving(small_disk / "r") as server:
        work = clone(server, tmp_path / "work")
        head = server.head
        commit(work, {"big": noise})
        told = git("push", "origin", "HEAD:main", cwd=work, ok=False)
        assert "507" in told or "disk is full" in told
        assert server.head == head and fsck(server.repository) == ""
        eventually(lambda: not left_behind(server))
        git("reset", "-q", "--hard", "origin/main", cwd=work)
        new = commit(work, {"small": "x"})
        git("push", "-q", "origin", "HEAD:main", cwd=work)
        assert server.head == new


@pytest.mark.req("DUR-08")
def test_room_for_the_pack_and_for_no_more(small_disk: Path, tmp_path: Path) -> None:
    with serving(small_disk / "r") as server:
        head = server.head
        filler = small_disk / "filler"
        filler.write_bytes(bytes(MIB))
        with filler.open("ab") as out:
            try:
                while True:
                    os.write(out.fileno(), bytes(4096))
            except OSError:
                os.ftruncate(out.fileno(), out.tell() - 4096)
        answer = raw_push_or_status(server, head)
        assert answer != "ok" and server.head == head
        eventually(lambda: not left_behind(server))
        assert git("ls-remote", server.url, "main", cwd=tmp_path).startswith(head)
        filler.unlink()
        assert raw_push_or_status(server, head) == "ok"


def raw_push_or_status(server: Server, head: str) -> str:
    body = push_body([(head, packs.oid(ROOT), MAIN)], packs.pack(ROOT, TREE, FILE))
    answer = post(server, body)
    if answer.status != 200:
        assert answer.status == 507
        return "507"
    return "ok" if answer.lines[1] == f"ok {MAIN}" else answer.lines[0]


@pytest.mark.req("DUR-09")
@pytest.mark.parametrize("action", ["raise", "nospace"])
@pytest.mark.parametrize(
    "point",
    [
        *("push:locked", "push:before-move.pack", "push:after-move.pack", "push:before-move.idx"),
        *("push:after-move.idx", "push:before-refs", "push:before-refs-sync"),
        *("push:before-refs-rename", "push:after-refs-rename"),
    ],
)
def test_a_failing_step_is_never_ok(server: Server, point: str, action: str) -> None:
    head = server.head
    command = (head, packs.oid(ROOT), MAIN)
    failpoints.arm(point, action)
    try:
        lines = raw_push(server, command, pack=packs.pack(ROOT, TREE, FILE))
    finally:
        failpoints.disarm(point)
    assert lines[0].startswith("unpack the server") and lines[1] == f"ng {MAIN} unpacker error"
    assert server.head == head or point == "push:after-refs-rename"
    assert fsck(server.repository) == ""
    assert not left_behind(server)
    assert not (server.repository / "packed-refs.lock").exists()
    if server.head == head:
        again = raw_push(server, command, pack=packs.pack(ROOT, TREE, FILE))
        assert again == ["unpack ok", f"ok {MAIN}"]

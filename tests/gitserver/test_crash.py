"""kill -9 at every durable step of a push; then git's own verdict, and every ref old or new."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.git import GitSettings
from gitserver.locks import hold_folder
from gitserver.repositories import Repositories
from spaceport.push import MAIN, ZERO
from tests.gitserver import packs
from tests.gitserver.writing import ANN, KEY, fsck, post, push_body
from tests.waiting import eventually

POINTS = [
    *("push:locked", "push:before-move.pack", "push:after-move.pack", "push:before-move.idx"),
    *("push:after-move.idx", "push:after-pack-sync", "push:before-refs", "push:before-refs-sync"),
    *("push:before-refs-rename", "push:after-refs-rename", "push:after-refs", "push:unlocked"),
]
OLD = ("refs/heads/old", "refs/heads/gone")


@dataclass
class Crashing:
    port: int
    process: subprocess.Popen[bytes]


@contextmanager
def process(root: Path, failpoints: str = "") -> Iterator[Crashing]:
    port = root.parent / "port"
    port.unlink(missing_ok=True)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.gitserver.serve", root, port],
        env={**os.environ, "SPACEPORT_FAILPOINTS": failpoints},
    )
    try:
        text = eventually(lambda: port.exists() and port.read_text())
        yield Crashing(int(text), child)
    finally:
        child.kill()
        child.wait()


def objects(name: str) -> tuple[packs.Object, ...]:
    file = packs.blob(name.encode())
    tree = packs.tree(("100644", b"f", packs.oid(file)))
    return packs.commit(packs.oid(tree)), tree, file


BEFORE, AFTER = objects("before"), objects("after")
B, A = packs.oid(BEFORE[0]), packs.oid(AFTER[0])


def prepare(root: Path) -> Repositories:
    """A repository with some refs at B, made by a server that dies of nothing."""
    repositories = Repositories(root, GitSettings())
    repositories.create(KEY, {"README.md": b"# x\n"}, ANN)
    with process(root) as server:
        commands = [(ZERO, B, ref) for ref in OLD]
        assert post(server, push_body(commands, packs.pack(*BEFORE))).status == 200
    return repositories


@pytest.mark.req("DUR-01")
@pytest.mark.req("GIT-04")
@pytest.mark.parametrize("point", POINTS)
def test_killed_at(tmp_path: Path, point: str) -> None:
    root = tmp_path / "r"
    repositories = prepare(root)
    before = dict(repositories.refs(KEY).ids)
    update = [(B, A, "refs/heads/old"), (ZERO, A, "refs/heads/new"), (B, ZERO, "refs/heads/gone")]
    after = {**before, "refs/heads/old": A, "refs/heads/new": A}
    del after["refs/heads/gone"]
    body = push_body(update, packs.pack(*AFTER), "report-status atomic")
    with process(root, f"{point}=exit") as server:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            post(server, body)
        assert server.process.wait(20) == 137
    assert fsck(repositories.path(KEY)) == ""
    now = dict(repositories.refs(KEY).ids)
    assert now in (before, after)
    with process(root) as server:  # and all goes on, without help
        assert list((root / "incoming").iterdir()) == []
        lines = post(server, body).lines
        retried = [f"ok {ref}" for _, _, ref in update]
        assert lines == ["unpack ok", *retried] or now == after
        again = push_body([(A, B, "refs/heads/new")])
        assert post(server, again).lines == ["unpack ok", "ok refs/heads/new"]
    assert fsck(repositories.path(KEY)) == ""
    leftovers = [p.name for p in repositories.path(KEY).rglob("*") if p.suffix in (".lock", ".tmp")]
    assert leftovers == ["spaceport.lock"]


@pytest.mark.req("DUR-01")
def test_acknowledged_pushes_survive(tmp_path: Path) -> None:
    root = tmp_path / "r"
    repositories = prepare(root)
    for number in range(4):
        made = objects(str(number))
        new = packs.oid(made[0])
        with process(root) as server:
            head = repositories.head(KEY)
            assert head is not None
            answer = post(server, push_body([(head, new, MAIN)], packs.pack(*made)))
            server.process.kill()
        assert answer.lines[1] == f"ok {MAIN}"
        assert repositories.head(KEY) == new
        assert fsck(repositories.path(KEY)) == ""


@pytest.mark.req("DUR-11")
def test_leftovers_of_the_dead_go_and_of_the_living_stay(tmp_path: Path) -> None:
    repositories = prepare(tmp_path / "r")
    dead, living = (repositories.root / "incoming" / name for name in ("dead", "living"))
    for folder in (dead, living):
        (folder / "pack").mkdir(parents=True)
        (folder / "received").write_bytes(b"PACK")
    mark = hold_folder(living)
    assert mark is not None
    (repositories.path(KEY) / "packed-refs.lock").write_bytes(b"")
    assert repositories.sweep() == 1
    assert not dead.exists() and living.exists()
    os.close(mark)
    assert repositories.sweep() == 1
    with process(repositories.root) as server:
        lines = post(server, push_body([(B, A, OLD[0])], packs.pack(*AFTER))).lines
        assert lines[1] == f"ok {OLD[0]}"

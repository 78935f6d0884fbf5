"""gc: what no revision names goes after a day; what any names stays, whatever happens meanwhile."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from gitserver.lfs.collect import Collected, collect_objects, named_in
from gitserver.pointer import Pointer
from spaceport import failpoints
from spaceport.ledger import large, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.tables import large_objects
from spaceport.names import SpaceKey
from tests.gitserver.lfs.test_clients import clone, commit
from tests.gitserver.lfs.world import download, git, oid_of, serving, upload
from tests.hub.conftest import Hub

OLD = timedelta(days=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with serving(tmp_path_factory.mktemp("gc") / "data") as hub:
        yield hub


def age(hub: Hub, key: SpaceKey | None = None) -> None:
    """Everything was uploaded, and last needed, two days ago."""
    with hub.context.ledger.write() as tx:
        tx.execute(update(large_objects).values(needed_at=now() - OLD))
    stamp = time.time() - OLD.total_seconds()
    for stored in hub.context.large.store.listed():
        path = hub.context.data / "objects" / stored.oid[:2] / stored.oid
        os.utime(path, (stamp, stamp))


def collect(hub: Hub) -> Collected:
    return collect_objects(hub.context.large, hub.context.repositories)


def kept(hub: Hub, *contents: bytes) -> list[bool]:
    return [hub.context.large.store.size(oid_of(data)) is not None for data in contents]


def test_what_any_revision_names_stays(world: Hub, tmp_path: Path) -> None:
    hub = world
    space = hub.space("gina/demo")
    token = hub.token("gina")
    work = clone(hub, "gina/demo", "gina", tmp_path / "work")
    first, second, branch = (name * 500 for name in (b"first ", b"second ", b"branch "))
    commit(work, {"m.bin": first})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    git("checkout", "-qb", "side", cwd=work)
    commit(work, {"m.bin": branch})
    git("push", "-q", "origin", "HEAD:side", cwd=work)
    git("checkout", "-q", "main", cwd=work)
    commit(work, {"m.bin": second})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    never = b"never named"
    upload(hub, "gina/demo", token, never)
    assert collect(hub) == Collected()  # all of it is younger than a day
    age(hub)
    assert collect(hub) == Collected(1, 1, len(never))
    assert kept(hub, first, second, branch, never) == [True, True, True, False]
    assert collect(hub) == Collected()
    repository = hub.context.repositories.path(space.key)
    wanted = {oid_of(data) for data in (first, second, branch)}
    assert named_in(repository) == wanted
    subprocess.run(["git", "-C", repository, "unpack-objects", "-q"], input=b"", check=False)
    fresh = clone(hub, "gina/demo", "gina", tmp_path / "fresh")
    git("lfs", "fetch", "--all", cwd=fresh)
    assert "Git LFS fsck OK" in git("lfs", "fsck", cwd=fresh)


def test_one_object_of_two_spaces(world: Hub) -> None:
    hub = world
    hub.space("gina/left")
    right = hub.space("gina/right")
    token = hub.token("gina")
    data = b"shared by two"
    for space in ("gina/left", "gina/right"):
        upload(hub, space, token, data)
    age(hub)
    with hub.context.ledger.write() as tx:
        large.renew(tx, right.key, oid_of(data))
    assert collect(hub) == Collected(1, 0, 0)
    assert download(hub, "gina/right", token, oid_of(data), len(data)).body == data
    age(hub)
    assert collect(hub) == Collected(1, 1, len(data))


def test_a_check_of_a_push_keeps_what_it_looked_at(world: Hub) -> None:
    """The race of a push with gc: between the check of its pointers and its refs."""
    hub = world
    space = hub.space("gina/race")
    data = b"about to be named"
    pointer = Pointer(upload(hub, "gina/race", hub.token("gina"), data), len(data))
    age(hub)
    assert hub.context.large.has(space.key, pointer)
    assert collect(hub) == Collected()
    assert kept(hub, data) == [True]
    assert not hub.context.large.has(space.key, Pointer(pointer.oid, pointer.size + 1))
    age(hub)
    assert collect(hub).objects == 1
    assert not hub.context.large.has(space.key, pointer)


def test_a_deleted_space_lets_go(world: Hub) -> None:
    hub = world
    space = hub.space("gina/gone")
    token = hub.token("gina")
    data = b"of a Space that is deleted"
    upload(hub, "gina/gone", token, data)
    with hub.context.ledger.write() as tx:
        spaces.mark_deleted(tx, space.key)
    age(hub)
    assert collect(hub) == Collected()  # until the janitor is through with it
    with hub.context.ledger.write() as tx:
        spaces.purge(tx, space.key)
    assert collect(hub) == Collected(0, 1, len(data))


def test_an_unwell_repository_keeps_everything(world: Hub) -> None:
    hub = world
    space = hub.space("gina/unwell")
    data = b"nobody can tell whether it is named"
    upload(hub, "gina/unwell", hub.token("gina"), data)
    age(hub)
    (pack,) = (hub.context.repositories.path(space.key) / "objects" / "pack").glob("*.idx")
    whole = pack.read_bytes()
    pack.chmod(0o644)
    for damaged in (whole[:100], b""):
        pack.write_bytes(damaged)
        assert collect(hub) == Collected() and kept(hub, data) == [True]
    pack.unlink()
    assert collect(hub) == Collected() and kept(hub, data) == [True]
    pack.write_bytes(whole)
    assert collect(hub).objects == 1


@pytest.mark.parametrize("point", ["lfs-gc:released", "lfs-gc:removed"])
def test_gc_that_breaks_off_is_finished_by_the_next(world: Hub, point: str) -> None:
    hub = world
    hub.space(f"gina/{point[7:]}")
    contents = [f"{point} {n}".encode() for n in range(3)]
    for data in contents:
        upload(hub, f"gina/{point[7:]}", hub.token("gina"), data)
    age(hub)
    failpoints.arm(point, "raise")
    try:
        with pytest.raises(OSError, match=point):
            collect(hub)
    finally:
        failpoints.disarm(point)
    collect(hub)
    assert kept(hub, *contents) == [False] * 3
    for data in contents:  # and they can come again
        upload(hub, f"gina/{point[7:]}", hub.token("gina"), data)

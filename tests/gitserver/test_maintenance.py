"""Joining packs: nothing is lost, readers go on, and their number grows with the logarithm."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from config.git import GitSettings
from gitserver.building import NewObjects
from gitserver.locks import hold_folder
from gitserver.maintenance import join_packs, packs_to_join
from gitserver.objects.store import Objects
from gitserver.repositories import Repositories
from spaceport import failpoints
from tests.gitserver.packs import blob, copy_all, delta, distance, entry, oid, pack_of, raw_entry
from tests.gitserver.writing import ANN, KEY, Server, commit, fsck, git
from tests.waiting import eventually


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    made = Repositories(tmp_path / "r", GitSettings())
    made.create(KEY, {"README.md": b"# x\n"}, ANN)
    return made


def add_pack(objects: Path, *contents: bytes) -> set[str]:
    new = NewObjects()
    ids = {new.blob(content) for content in contents}
    new.write_pack(objects / "pack")
    return ids


@pytest.mark.parametrize(
    ("sizes", "join"),
    [
        ([], 0),
        ([5], 0),
        ([5, 5], 2),
        ([5, 10], 0),
        ([1, 1, 1, 1], 4),
        ([1, 2, 6, 18], 0),
        ([1, 1, 3, 100], 3),
        ([1, 1, 100, 1000], 2),
        ([1, 2, 6, 17], 4),
    ],
)
def test_which_packs(sizes: list[int], join: int) -> None:
    assert packs_to_join(sizes) == join


@pytest.mark.req("GIT-36")
def test_every_object_stays(repositories: Repositories) -> None:
    objects = repositories.path(KEY) / "objects"
    wanted: set[str] = set()
    for number in range(20):
        wanted |= add_pack(objects, b"%d" % number, b"the same in all\n" * 20)
    assert join_packs(objects, repositories.root / "incoming", KEY) >= 19
    with Objects(objects) as reader:
        assert len(list(reader.packs())) <= 2
        for name in wanted:
            reader.read(bytes.fromhex(name))
    assert fsck(repositories.path(KEY)) == ""


@pytest.mark.req("GIT-36")
def test_real_history_with_deltas(server: Server, work: Path) -> None:
    lines = [f"line {n} of a long file\n" for n in range(500)]
    for number in range(24):
        lines[number * 7] = f"changed {number}\n"
        commit(work, {"long.txt": "".join(lines), f"d/{number}": str(number)})
        git("push", "-q", "origin", "HEAD:main", cwd=work)
    folder = server.repository / "objects/pack"
    eventually(lambda: len(list(folder.glob("*.pack"))) <= 12)
    assert fsck(server.repository) == ""
    assert git("rev-list", "--count", "main", cwd=server.repository) == "25"
    for index in folder.glob("*.idx"):
        git("verify-pack", index, cwd=server.repository)


def test_deltas_whose_base_is_a_second_copy(repositories: Repositories) -> None:
    """Both packs hold the base; in the second a delta stands on its own copy of it."""
    objects = repositories.path(KEY) / "objects"
    base = blob(b"0123456789" * 50)
    more = delta(500, 501, copy_all(500) + b"\x01x")
    first = entry(base)
    on_it = raw_entry(6, len(more), zlib.compress(more), distance(len(first)))
    add_pack(objects, base[1])
    second = objects / "pack/pack-second.pack"
    second.write_bytes(pack_of([first, on_it]))
    git("index-pack", second, cwd=repositories.path(KEY))
    join_packs(objects, repositories.root / "incoming", KEY)
    with Objects(objects) as reader:
        target = oid(blob(base[1] + b"x"))
        assert reader.read(bytes.fromhex(target))[1] == base[1] + b"x"


def test_readers_go_on(repositories: Repositories) -> None:
    objects = repositories.path(KEY) / "objects"
    names = [add_pack(objects, b"%d" % number) for number in range(6)]
    with Objects(objects) as before, Objects(objects) as fresh:
        before.read(bytes.fromhex(next(iter(names[0]))))
        assert join_packs(objects, repositories.root / "incoming", KEY)
        for name in names:
            before.read(bytes.fromhex(next(iter(name))))
            fresh.read(bytes.fromhex(next(iter(name))))


@pytest.mark.parametrize("point", ["join:after-move", "join:after-unlink"])
def test_stopped_in_the_middle(repositories: Repositories, point: str) -> None:
    objects = repositories.path(KEY) / "objects"
    names = [add_pack(objects, b"%d" % number) for number in range(6)]
    failpoints.arm(point, "raise")
    try:
        with pytest.raises(OSError, match="failpoint"):
            join_packs(objects, repositories.root / "incoming", KEY)
    finally:
        failpoints.disarm(point)
    with Objects(objects) as reader:
        for name in names:
            reader.read(bytes.fromhex(next(iter(name))))
    assert fsck(repositories.path(KEY)) == ""
    assert join_packs(objects, repositories.root / "incoming", KEY)
    assert fsck(repositories.path(KEY)) == ""


def test_one_at_a_time(repositories: Repositories) -> None:
    objects = repositories.path(KEY) / "objects"
    add_pack(objects, b"1")
    mark = hold_folder(objects / "pack")
    assert mark is not None
    assert join_packs(objects, repositories.root / "incoming", KEY) == 0

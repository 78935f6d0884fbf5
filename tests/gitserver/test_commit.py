"""Commits without a git client: the same checks, races and answers as a push."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.git import GitSettings
from gitserver.building import NewObjects
from gitserver.changes import (
    AddFile,
    AddLines,
    AddPointer,
    CopyFile,
    DeleteFile,
    DeleteFolder,
    Operation,
)
from gitserver.commit import CommitRefused, CommitRequest, Commits, ParentChanged
from gitserver.content import Content
from gitserver.pointer import Pointer
from gitserver.receive.conclude import Concluder, Pusher
from gitserver.repositories import Repositories
from spaceport.errors import Invalid, NotFound
from spaceport.pools import Pools
from spaceport.push import MAIN, ZERO, Reach, RefUpdate, Rejection
from tests.gitserver.writing import ANN, KEY, RecordingHooks, fsck, git

ME = Pusher("ann", "127.0.0.1")


class Room:
    """What a test of commits needs."""

    def __init__(self, root: Path) -> None:
        self.repositories = Repositories(root, GitSettings())
        first = {"README.md": b"# x\n", "a/b/c.txt": b"c\n", "a/d.txt": b"d\n", "run.sh": b"#!\n"}
        self.first = self.repositories.create(KEY, first, ANN)
        self.hooks, self.pools = RecordingHooks(), Pools()
        self.content = Content(self.repositories)
        self.concluder = Concluder(self.repositories, self.hooks, self.pools)
        self.commits = Commits(self.repositories, self.concluder, self.pools)

    async def commit(self, *operations: Operation, parent: str | None = None) -> str:
        request = CommitRequest(operations, "a change", ANN, parent=parent)
        return (await self.commits.commit(KEY, ME, request)).revision

    def paths(self, revision: str) -> list[str]:
        tree = self.content.tree(KEY, revision, recursive=True)
        return sorted(entry.path for entry in tree if entry.kind == "file")


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path / "r")
    yield made
    await made.concluder.close()
    made.pools.close()
    if made.repositories.exists(KEY):
        assert fsck(made.repositories.path(KEY)) == ""
    assert list((made.repositories.root / "incoming").iterdir()) == []


async def test_every_operation(room: Room) -> None:
    pointer = Pointer("ab" * 32, 5)
    revision = await room.commit(
        AddFile("new/deep/file.txt", b"new\n"),
        AddFile("README.md", b"# y\n"),
        AddPointer("big.bin", pointer),
        DeleteFile("a/d.txt"),
        CopyFile("a/b", "copied"),
        CopyFile("README.md", "old.md", room.first),
    )
    assert room.repositories.head(KEY) == revision
    assert room.paths(revision) == [
        *("README.md", "a/b/c.txt", "big.bin", "copied/c.txt", "new/deep/file.txt", "old.md"),
        "run.sh",
    ]
    assert room.content.read(KEY, revision, "README.md", 100) == b"# y\n"
    assert room.content.read(KEY, revision, "old.md", 100) == b"# x\n"
    assert room.content.read(KEY, revision, "big.bin", 200) == pointer.text()
    assert room.hooks.announced[0].actor_id == "ann"
    log = git("log", "-1", "--format=%an|%ae|%s|%P", cwd=room.repositories.path(KEY))
    assert log == f"Ann|ann@example.org|a change|{room.first}"
    gone = await room.commit(DeleteFolder("a"), DeleteFolder("new"))
    assert "a/b/c.txt" not in room.paths(gone) and "new/deep/file.txt" not in room.paths(gone)


async def test_nothing_to_commit(room: Room) -> None:
    request = CommitRequest([AddFile("README.md", b"# x\n")], "same", ANN)
    result = await room.commits.commit(KEY, ME, request)
    assert (result.changed, result.revision) == (False, room.first)


@pytest.mark.req("API-14")
@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a/.", ".git/config", "x/.GIT/y"),
        *(
            "a\0b",
            "git~1/x",
            "a/.git",
            ".git::$INDEX_ALLOCATION",
            "\udcff",
            "x" * 256,
            "d/" * 300 + "f",
        ),
    ],
)
async def test_paths_that_are_not_allowed(room: Room, path: str) -> None:
    for operation in (
        AddFile(path, b"x"),
        AddPointer(path, Pointer("ab" * 32, 1)),
        DeleteFile(path),
        DeleteFolder(path),
        CopyFile("README.md", path),
        CopyFile(path, "y"),
    ):
        with pytest.raises(Invalid):
            await room.commit(operation)
    assert room.repositories.head(KEY) == room.first


async def test_what_is_not_there_or_in_the_way(room: Room) -> None:
    for operation in (
        DeleteFile("nope"),
        DeleteFile("a"),
        DeleteFolder("README.md"),
        CopyFile("q", "z"),
    ):
        with pytest.raises(NotFound):
            await room.commit(operation)
    for operation in (AddFile("a", b"x"), AddFile("README.md/x", b"x")):
        with pytest.raises(Invalid):
            await room.commit(operation)
    with pytest.raises(NotFound):
        await room.commits.commit("b" * 24, ME, CommitRequest([AddFile("x", b"")], "m", ANN))


@pytest.mark.req("API-15")
async def test_a_stale_parent(room: Room) -> None:
    second = await room.commit(AddFile("x", b"1"), parent=room.first)
    with pytest.raises(ParentChanged):
        await room.commit(AddFile("x", b"2"), parent=room.first)
    assert room.repositories.head(KEY) == second


@pytest.mark.req("API-15")
@pytest.mark.req("DUR-03")
async def test_racing_commits(room: Room) -> None:
    made = await asyncio.gather(*(room.commit(AddFile(f"f{n}", b"x")) for n in range(12)))
    history = git("rev-list", "main", cwd=room.repositories.path(KEY)).split()
    assert set(made) <= set(history) and len(history) == 13
    tries = [room.commit(AddFile(f"g{n}", b"x"), parent=history[0]) for n in range(6)]
    fates = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(fate, str) for fate in fates) == 1
    assert all(isinstance(fate, str | ParentChanged) for fate in fates)


async def test_the_hooks_may_refuse(room: Room) -> None:
    room.hooks.judge = lambda *_: [Rejection(MAIN, "too large", "Use git-lfs for x")]
    with pytest.raises(CommitRefused, match="Use git-lfs"):
        await room.commit(AddFile("x", b"1"))
    assert room.repositories.head(KEY) == room.first


@pytest.mark.req("GIT-11")
async def test_the_same_checks_as_a_push(room: Room) -> None:
    evil = b'[submodule "x"]\n\tpath = x\n\turl = -u./payload\n'
    with pytest.raises(CommitRefused, match="gitmodulesUrl"):
        await room.commit(AddFile(".gitmodules", evil))


async def test_who_leaves_early_has_committed_or_not(room: Room) -> None:
    task = asyncio.ensure_future(room.commit(AddFile("x", b"1")))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await room.commit(AddFile("y", b"1"))
    await room.commits.close()
    assert "y" in room.paths(room.repositories.head(KEY) or "")


async def test_refs_can_be_moved(room: Room) -> None:
    tag = RefUpdate("refs/tags/v1", ZERO, room.first)
    report = await room.commits.move_refs(KEY, ME, [tag])
    assert dict(report.refs) == {"refs/tags/v1": ""}
    stale = [tag, RefUpdate("refs/heads/x", ZERO, room.first)]
    report = await room.commits.move_refs(KEY, ME, stale)
    assert all(report.refs.values())
    assert set(room.repositories.refs(KEY).ids) == {MAIN, "refs/tags/v1"}


def text(room: Room, revision: str, path: str) -> bytes:
    return room.content.read(KEY, revision, path, 10_000)


async def test_lines_are_added_to_what_is_there(room: Room) -> None:
    rule = AddLines("rules", (b"one", b"two"), 20)
    assert text(room, await room.commit(rule), "rules") == b"one\ntwo\n"
    more = await room.commit(AddFile("rules", b"zero\ntwo"), rule, AddFile("other", b""))
    assert text(room, more, "rules") == b"zero\ntwo\none\n"
    assert await room.commit(rule) == more  # nothing is missing
    assert await room.commit(AddLines("rules", (b"too long",), 20)) == more
    assert await room.commit(AddLines("a", (b"a folder",), 20)) == more


async def test_lines_of_many_at_once_are_all_kept(room: Room) -> None:
    lines = [b"line %d" % number for number in range(6)]
    await asyncio.gather(*(room.commit(AddLines("rules", (line,), 1000)) for line in lines))
    head = room.repositories.head(KEY)
    assert head is not None and sorted(text(room, head, "rules").splitlines()) == lines


@pytest.mark.req("11.12")
async def test_all_refs_move_or_none_and_one_may_only_be_compared(room: Room) -> None:
    later = await room.commit(AddFile("one", b"1"))
    reach = Reach(True, frozenset({"refs/pr/1"}))
    pusher = Pusher("ann", "127.0.0.1", reach=reach)
    made = RefUpdate("refs/pr/1", ZERO, room.first)
    assert not any((await room.commits.move_refs(KEY, pusher, [made])).refs.values())
    new = NewObjects()
    tree = room.content.commit(KEY, later).tree
    merge = new.commit(tree, (later, room.first), ANN, "Merge")
    move = RefUpdate(MAIN, later, merge)
    for seen, pushes in ((later, 0), (room.first, 1)):
        before = len(room.hooks.announced)
        compared = RefUpdate("refs/pr/1", seen, seen)
        report = await room.commits.publish_all(KEY, pusher, [move, compared], new)
        assert [bool(reason) for reason in report.refs.values()] == [not pushes] * 2
        assert ("stale info" in report.refs.values()) is not bool(pushes)
        assert len(room.hooks.announced) - before == pushes
    assert room.hooks.announced[-1].updates == (move,)
    assert room.content.refs(KEY) == {MAIN: merge, "refs/pr/1": room.first}

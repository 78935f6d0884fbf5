"""Shallow clones: the boundary is where git's own server puts it, and history comes back whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gitserver.reading import Server, client, git, make_repository, serving

VERSIONS = ["0", "2"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "repos").mkdir()
    async with serving(tmp_path / "repos", tmp_path / "cache") as running:
        repo = make_repository(running.root, commits=30)
        git("-C", str(repo), "tag", "-a", "-m", "mark", "mark", "main~12")
        merged(repo)
        yield running


def merged(repo: Path) -> None:
    """A side line from main~20 that is merged back into main."""
    tree = git("-C", str(repo), "rev-parse", "main^{tree}")
    side = git("-C", str(repo), "rev-parse", "main~20")
    for number in range(3):
        date = f"{1_600_000_000 + 60 * (12 + number)} +0000"
        side = git(
            "-C", str(repo), "commit-tree", "-p", side, "-m", f"side {number}", tree,
            GIT_COMMITTER_DATE=date,
        )  # fmt: skip
    tip = git("-C", str(repo), "rev-parse", "main")
    merge = git("-C", str(repo), "commit-tree", "-p", tip, "-p", side, "-m", "merge", tree)
    git("-C", str(repo), "update-ref", "refs/heads/main", merge)


CLONES = [
    ["--depth", "1"],
    ["--depth", "3"],
    ["--depth", "7", "--no-single-branch"],
    ["--shallow-since=@1600000900"],
    ["--shallow-exclude=mark"],
    ["--depth", "1", "--filter=blob:none", "--no-checkout"],
    ["--depth", "100"],
]


@pytest.mark.req("GIT-26")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("options", CLONES, ids=lambda options: "_".join(options))
async def test_a_shallow_clone_is_the_one_that_git_makes(
    server: Server, tmp_path: Path, version: str, options: list[str]
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    command = ["-c", f"protocol.version={version}", "clone", "-q", *options]
    await client(*command, f"{server.url}/r.git", str(ours))
    await client(*command, f"file://{server.root}/r.git", str(theirs))
    assert boundary(ours) == boundary(theirs)
    assert history(ours) == history(theirs)
    if "--filter=blob:none" not in options:
        git("fsck", "--strict", cwd=ours)


@pytest.mark.parametrize("version", VERSIONS)
async def test_deepen_then_unshallow(server: Server, tmp_path: Path, version: str) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for copy, url in ((ours, server.url), (theirs, f"file://{server.root}")):
        await client("clone", "-q", "--depth", "2", f"{url}/r.git", str(copy))
        git("config", "protocol.version", version, cwd=copy)
    steps = [["--deepen=2"], ["--depth=9"], ["--shallow-exclude=mark"], ["--deepen=1"],
             ["--unshallow"]]  # fmt: skip
    for step in steps:
        for copy in (ours, theirs):
            await client("fetch", "-q", *step, "origin", cwd=copy)
        assert boundary(ours) == boundary(theirs), step
        assert history(ours) == history(theirs), step
        git("fsck", "--strict", cwd=ours)
    assert boundary(ours) == ""


@pytest.mark.parametrize("version", VERSIONS)
async def test_fetch_and_push_go_on_from_a_shallow_clone(
    server: Server, tmp_path: Path, version: str
) -> None:
    repo, copy = server.root / "r.git", tmp_path / "copy"
    await client("clone", "-q", "--depth", "1", f"{server.url}/r.git", str(copy))
    git("config", "protocol.version", version, cwd=copy)
    (copy / "more").write_text("x")
    git("add", ".", cwd=copy)
    git("commit", "-q", "-m", "more", cwd=copy)
    git("push", "-q", str(repo), "HEAD:main", cwd=copy)
    tree = git("-C", str(repo), "rev-parse", "main^{tree}")
    new = git("-C", str(repo), "commit-tree", "-p", "main", "-m", "new", tree)
    git("-C", str(repo), "update-ref", "refs/heads/main", new)
    await client("fetch", "-q", "origin", cwd=copy)
    assert git("rev-parse", "origin/main", cwd=copy) == new
    assert len(boundary(copy).split()) == 1
    git("fsck", "--strict", cwd=copy)


async def test_a_repository_that_is_shallow_itself(server: Server, tmp_path: Path) -> None:
    git(
        "clone", "-q", "--bare", "--depth", "4", f"file://{server.root}/r.git",
        str(server.root / "cut.git"),
    )  # fmt: skip
    for version in VERSIONS:
        copy = tmp_path / version
        await client(
            "-c", f"protocol.version={version}", "clone", "-q", f"{server.url}/cut.git", str(copy)
        )
        assert boundary(copy) == boundary(server.root / "cut.git")
        git("fsck", "--strict", cwd=copy)


def boundary(copy: Path) -> str:
    folder = copy / ".git" if (copy / ".git").exists() else copy
    path = folder / "shallow"
    return "\n".join(sorted(path.read_text().split())) if path.exists() else ""


def history(copy: Path) -> str:
    return git("rev-list", "--all", cwd=copy)

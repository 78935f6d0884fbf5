"""Clones and fetches with the real client, in every protocol version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gitserver.reading import Server, client, fast_import, git, make_repository, serving

VERSIONS = ["0", "1", "2"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "repos").mkdir()
    async with serving(tmp_path / "repos", tmp_path / "cache") as running:
        yield running


def with_tags(repo: Path) -> None:
    git("-C", str(repo), "tag", "-a", "-m", "one", "v1", "main~20")
    git("-C", str(repo), "tag", "light", "main~10")
    git("-C", str(repo), "branch", "side", "main~5")


def refs_of(repo: Path) -> str:
    return git("-C", str(repo), "show-ref")


@pytest.mark.req("GIT-25")
@pytest.mark.parametrize("version", VERSIONS)
async def test_clone_gives_every_ref_and_passes_fsck(
    server: Server, tmp_path: Path, version: str
) -> None:
    repo = make_repository(server.root)
    with_tags(repo)
    for attempt in ("first", "again"):
        copy = tmp_path / attempt
        await client(
            "-c", f"protocol.version={version}", "clone", "-q", "--mirror",
            f"{server.url}/r.git", str(copy),
        )  # fmt: skip
        git("-C", str(copy), "fsck", "--strict", "--no-dangling")
        assert refs_of(copy) == refs_of(repo)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fetch_of_new_commits_is_small_and_complete(
    server: Server, tmp_path: Path, version: str
) -> None:
    repo = make_repository(server.root)
    copy = tmp_path / "copy"
    await client(
        "-c", f"protocol.version={version}", "clone", "-q", f"{server.url}/r.git", str(copy)
    )
    git("config", "protocol.version", version, cwd=copy)
    work = tmp_path / "work"
    git("clone", "-q", str(repo), str(work))
    (work / "new.txt").write_text("new\n")
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", "new", cwd=work)
    git("push", "-q", "origin", "main", cwd=work)
    outcome = await client("fetch", "--progress", "origin", cwd=copy)
    assert "Enumerating objects: 3, done." in outcome.err
    assert git("rev-parse", "origin/main", cwd=copy) == git("rev-parse", "main", cwd=work)
    git("fsck", "--strict", cwd=copy)
    clone = tmp_path / "after"
    await client("clone", "-q", "--mirror", f"{server.url}/r.git", str(clone))
    git("-C", str(clone), "fsck", "--strict")
    assert refs_of(clone) == refs_of(repo)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("algorithm", ["consecutive", "skipping"])
async def test_fetch_into_a_clone_with_many_local_commits(
    server: Server, tmp_path: Path, version: str, algorithm: str
) -> None:
    repo = make_repository(server.root)
    copy = tmp_path / "copy"
    await client("clone", "-q", f"{server.url}/r.git", str(copy))
    for number in range(200):
        git("commit", "-q", "--allow-empty", "-m", f"local {number}", cwd=copy)
    fast_import_more(repo)
    await client(
        "-c", f"protocol.version={version}", "-c", f"fetch.negotiationAlgorithm={algorithm}",
        "fetch", "-q", "origin", cwd=copy,
    )  # fmt: skip
    git("fsck", "--strict", cwd=copy)
    assert git("rev-parse", "origin/main", cwd=copy) == git("-C", str(repo), "rev-parse", "main")


@pytest.mark.parametrize("version", VERSIONS)
async def test_fetch_of_a_long_new_line_and_a_side_line(
    server: Server, tmp_path: Path, version: str
) -> None:
    repo = make_repository(server.root, commits=10)
    copy = tmp_path / "copy"
    await client("clone", "-q", f"{server.url}/r.git", str(copy))
    fast_import(repo, 90)
    git("-C", str(repo), "update-ref", "refs/heads/side", "main~70")
    await client("-c", f"protocol.version={version}", "fetch", "-q", "origin", cwd=copy)
    assert git("rev-parse", "origin/main", cwd=copy) == git("-C", str(repo), "rev-parse", "main")
    git("fsck", "--strict", cwd=copy)


def fast_import_more(repo: Path) -> None:
    """Three more commits on main, made by plain git while the server runs."""
    tree = git("-C", str(repo), "rev-parse", "main^{tree}")
    tip = git("-C", str(repo), "rev-parse", "main")
    for number in range(3):
        tip = git("-C", str(repo), "commit-tree", "-p", tip, "-m", f"more {number}", tree)
    git("-C", str(repo), "update-ref", "refs/heads/main", tip)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_empty_repository_keeps_the_name_of_its_branch(
    server: Server, tmp_path: Path, version: str
) -> None:
    repo = make_repository(server.root, commits=0)
    git("-C", str(repo), "symbolic-ref", "HEAD", "refs/heads/trunk")
    copy = tmp_path / "copy"
    await client(
        "-c", f"protocol.version={version}", "clone", "-q", f"{server.url}/r.git", str(copy)
    )
    if version == "2":
        assert git("symbolic-ref", "HEAD", cwd=copy) == "refs/heads/trunk"
    assert (await client("ls-remote", f"{server.url}/r.git")).out == ""


@pytest.mark.req("GIT-35")
async def test_what_was_written_a_moment_ago_is_seen(server: Server, tmp_path: Path) -> None:
    repo = make_repository(server.root, commits=3)
    first, second = (git("-C", str(repo), "rev-parse", f"main~{back}") for back in (0, 1))
    for number in range(30):
        tip = first if number % 2 else second
        git("-C", str(repo), "update-ref", "refs/heads/moving", tip)
        seen = await server.service.advertise(repo, 0)
        assert f"{tip} refs/heads/moving".encode() in seen


@pytest.mark.parametrize("version", VERSIONS)
async def test_single_branch_brings_the_tags_along(
    server: Server, tmp_path: Path, version: str
) -> None:
    repo = make_repository(server.root)
    with_tags(repo)
    other = git("-C", str(repo), "commit-tree", "-m", "other", "main^{tree}")
    git("-C", str(repo), "update-ref", "refs/heads/other", other)
    copy = tmp_path / "copy"
    await client(
        "-c", f"protocol.version={version}", "clone", "-q", "--single-branch", "-b", "main",
        f"{server.url}/r.git", str(copy),
    )  # fmt: skip
    assert git("tag", cwd=copy) == "light\nv1"
    missing = await client("cat-file", "-e", other, cwd=copy, ok=False)
    assert missing.code != 0
    git("fsck", "--strict", cwd=copy)


async def test_loose_objects_and_several_packs(server: Server, tmp_path: Path) -> None:
    repo = make_repository(server.root)
    work = tmp_path / "work"
    git("clone", "-q", str(repo), str(work))
    for number in range(4):
        (work / "big.bin").write_bytes(bytes(range(256)) * (40 + number))
        (work / f"n{number}").write_text(str(number))
        git("add", ".", cwd=work)
        git("commit", "-q", "-m", "x", cwd=work)
        git("push", "-q", "origin", "main", cwd=work)
        if number % 2:
            git("-C", str(repo), "repack", "-q", "-d")
        copy = tmp_path / f"copy{number}"
        await client("clone", "-q", "--mirror", f"{server.url}/r.git", str(copy))
        git("-C", str(copy), "fsck", "--strict")
        assert refs_of(copy) == refs_of(repo)

"""Partial clones: what is left out is what git leaves out, and comes later when it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitserver.pack.filters import BadFilter, parse_filter
from tests.gitserver.reading import Server, client, git, make_repository, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "repos").mkdir()
    async with serving(tmp_path / "repos", tmp_path / "cache") as running:
        repo = make_repository(running.root, commits=30)
        for key in ("allowFilter", "allowAnySHA1InWant"):
            git("-C", str(repo), "config", f"uploadpack.{key}", "true")
        git("-C", str(repo), "tag", "-a", "-m", "mark", "mark", "main~12")
        yield running


FILTERS = [
    "blob:none",
    "blob:limit=1",
    "blob:limit=900",
    "blob:limit=1k",
    "tree:0",
    "tree:1",
    "tree:2",
    "tree:3",
    "object:type=commit",
    "combine:tree:3+blob:limit=900",
]


@pytest.mark.req("GIT-26")
@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize("spec", FILTERS)
async def test_a_partial_clone_holds_what_gits_own_holds(
    server: Server, tmp_path: Path, version: str, spec: str
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    command = ["-c", f"protocol.version={version}", "clone", "-q", "--bare", f"--filter={spec}"]
    await client(*command, f"{server.url}/r.git", str(ours))
    await client(*command, f"file://{server.root}/r.git", str(theirs))
    assert present(ours) == present(theirs)


@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize("spec", ["blob:none", "tree:0", "blob:limit=100"])
async def test_what_was_left_out_is_fetched_when_needed(
    server: Server, tmp_path: Path, version: str, spec: str
) -> None:
    copy = tmp_path / "copy"
    await client(
        "-c", f"protocol.version={version}", "clone", "-q", "--no-checkout", f"--filter={spec}",
        f"{server.url}/r.git", str(copy),
    )  # fmt: skip
    git("config", "protocol.version", version, cwd=copy)
    await client("checkout", "-q", "main", cwd=copy)
    log = await client("log", "-p", "--format=%H", "-8", cwd=copy)
    assert log.out == git(
        "-C", str(server.root / "r.git"), "log", "-p", "--format=%H", "-8", "main"
    )
    await client("fsck", cwd=copy)


@pytest.mark.parametrize(
    "spec",
    ["", "blob", "blob:", "blob:limit=", "blob:limit=x", "blob:limit=-1", "tree:", "tree:-1",
     "tree:x", "object:type=thing", "sparse:oid=main:x", "combine:", "combine:blob:none+", "none",
     "combine:" + "+".join(["tree:1"] * 40)],
)  # fmt: skip
@pytest.mark.req("GIT-26")
def test_a_malformed_filter_is_refused(spec: str) -> None:
    with pytest.raises(BadFilter):
        parse_filter(spec)


def present(repo: Path) -> set[str]:
    lines = git(
        "-C", str(repo), "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"
    ).split()
    return set(lines)

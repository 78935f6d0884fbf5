"""docs/git.md is true: every command in its tables runs, and shows what the table says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pytest

from gitserver.access import OpenFolder
from tests.gitserver.reading import fast_import
from tests.gitserver.writing import KEY, Server, git, serving

ROOT = Path(__file__).parents[2]
EMPTY_KEY = "e" * 24
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Row:
    """A row of a table; `command` and `shows` as they stand between backticks."""

    feature: str
    command: str
    shows: str


def tables(heading: str) -> list[list[str]]:
    """The rows of every table with this heading."""
    found: list[list[str]] = []
    inside = False
    for line in (ROOT / "docs/git.md").read_text().splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]
        if cells == heading.split("|"):
            inside = True
        elif not cells:
            inside = False
        elif inside and not cells[0].startswith("---"):
            found.append(cells)
    return found


ROWS = [
    Row(feature, command.strip("`"), shows.removeprefix("`").removesuffix("`"))
    for feature, command, shows in tables("Feature|Command|Shows")
]


@dataclass(frozen=True)
class Scene:
    """The server that all rows speak to, and a clone of its Space."""

    work: Path
    environment: dict[str, str]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    base = tmp_path_factory.mktemp("table")
    keys = {"ann/x": KEY, "ann/empty": EMPTY_KEY}
    with serving(base / "r", access=lambda known: OpenFolder(known, keys)) as server:
        empty = server.repositories.path(EMPTY_KEY)
        subprocess.run(["git", "init", "-q", "--bare", "-b", "trunk", empty], check=True)
        yield _scene(base, server)


def _scene(base: Path, server: Server) -> Scene:
    source = base / "source"
    git("init", "-q", "--bare", "-b", "main", source, cwd=base)
    git("remote", "add", "origin", server.url, cwd=source)
    fast_import(source, 60)
    git("tag", "-a", "-m", "one", "v1", "main~20", cwd=source)
    git("push", "-q", "-f", "origin", "main", "main~5:refs/heads/side", "v1", cwd=source)
    ids = {"OLD": git("rev-parse", "main~7", cwd=source)}
    ids["BLOB"] = git("rev-parse", "main:dir0/sub/file0.txt", cwd=source)
    tree = git("rev-parse", "main^{tree}", cwd=source)
    for name, message in (("LOST", "lost"), ("HIDDEN", "hidden"), ("PR", "a pull request")):
        ids[name] = git("commit-tree", "-p", "main", "-m", message, tree, cwd=source)
        git("push", "-q", "-f", "origin", f"{ids[name]}:refs/heads/passing", cwd=source)
    git("push", "-q", "origin", ":passing", cwd=source)
    git("update-ref", "refs/pr/1", ids["PR"], cwd=server.repository)
    git("update-ref", "refs/spaceport/x", ids["HIDDEN"], cwd=server.repository)
    work = base / "work"
    git("clone", "-q", server.url, work, cwd=base)
    addresses = {"URL": server.url, "EMPTY": server.url.replace("/ann/x", "/ann/empty")}
    kind = {"PKT": "Content-Type:application/x-git-upload-pack-request"}
    return Scene(work, ids | addresses | kind)


def test_the_table_is_there() -> None:
    assert len(ROWS) > 60
    assert all(row.command and row.shows for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.feature)
def test_the_command_shows_what_it_says(scene: Scene, row: Row, tmp_path: Path) -> None:
    shutil.copytree(scene.work, tmp_path / "work", symlinks=True)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", row.command],
        cwd=tmp_path,
        env={**os.environ, **scene.environment},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
    )
    shown = done.stdout + done.stderr
    expected = Template(row.shows).safe_substitute(scene.environment)
    assert done.returncode == 0, shown
    if expected.isdigit():
        assert expected in shown.split(), shown
    else:
        assert expected.lower() in shown.lower(), shown


def test_every_test_that_is_named_exists() -> None:
    named = [name for _, cell in tables("Feature|Test") for name in re.findall(r"`([^`]+)`", cell)]
    assert len(named) > 8
    assert not [name for name in named if not (Path(__file__).parent / name).is_file()]

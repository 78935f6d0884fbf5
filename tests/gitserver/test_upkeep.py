"""Packs are joined, garbage goes, nothing that is reachable ever does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitserver.locks import hold_folder
from gitserver.pack.plan import PackFacts, Work, plan
from gitserver.upkeep import LEAST_GRACE, Upkeep, maintain
from gitserver.upload.catalog import cache_name
from tests.gitserver.reading import client, fast_import, git, make_repository, serving

OLD = time.time() - 30 * 24 * 3600


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "repos").mkdir()
    (tmp_path / "incoming").mkdir()
    made = make_repository(tmp_path / "repos")
    yield made
    git("-C", str(made), "fsck", "--strict", "--full")


def run(repo: Path, **options: bool) -> Upkeep:
    base = repo.parent.parent
    proofs = base / "cache" / cache_name(repo)
    return maintain(repo, base / "incoming", proofs=proofs, grace=LEAST_GRACE, **options)


def push(repo: Path, text: str, branch: str = "main") -> str:
    """One commit by another git, as a pack of its own; gives its id."""
    work = repo.parent.parent / f"work-{text}"
    git("clone", "-q", str(repo), str(work))
    (work / "note.txt").write_text(text)
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", text, cwd=work)
    git("-C", str(repo), "config", "receive.unpackLimit", "1")
    git("push", "-q", "origin", f"HEAD:{branch}", cwd=work)
    return git("rev-parse", "HEAD", cwd=work)


def packs(repo: Path) -> list[Path]:
    return sorted((repo / "objects/pack").glob("*.pack"))


def age(repo: Path) -> None:
    for path in (repo / "objects").rglob("*"):
        if path.is_file():
            os.utime(path, (OLD, OLD))


@given(st.lists(st.integers(1, 10**9), max_size=40), st.integers(0, 3))
def test_the_plan_leaves_a_geometric_row(sizes: list[int], loose: int) -> None:
    facts = [PackFacts(f"p{rank}", size) for rank, size in enumerate(sizes)]
    decision = plan(facts, loose, full=False)
    left = sorted(pack.size for pack in facts if pack.name not in decision.packs)
    joined = sum(pack.size for pack in facts if pack.name in decision.packs)
    total = joined
    for size in left:
        if decision.work is Work.NOTHING or joined:
            assert size >= 2 * total or not total
        total += size
    assert (decision.work is Work.NOTHING) <= (loose == 0)


def test_many_small_packs_become_few(repo: Path) -> None:
    for number in range(9):
        push(repo, f"n{number}")
    before = git("-C", str(repo), "rev-list", "--objects", "--all")
    assert len(packs(repo)) == 10
    done = run(repo)
    assert done.packs_after < done.packs_before
    assert len(packs(repo)) <= 3
    assert git("-C", str(repo), "rev-list", "--objects", "--all") == before


@pytest.mark.req("GIT-36")
def test_what_nothing_reaches_goes_after_its_time_and_not_before(repo: Path) -> None:
    lost = push(repo, "lost", "gone")
    kept = push(repo, "kept", "refs/internal/keep")
    blob = git("-C", str(repo), "hash-object", "-w", "--stdin")
    git("-C", str(repo), "update-ref", "-d", "refs/heads/gone")
    young = run(repo, full=True)
    assert young.dropped == 0
    assert git("-C", str(repo), "cat-file", "-t", lost) == "commit"
    age(repo)  # the packs; what nothing reached keeps the age that its .mtimes file says
    assert run(repo, full=True).dropped == 0
    for path in (repo / "objects/pack").glob("*.mtimes"):
        path.unlink()
    age(repo)
    done = run(repo, full=True)
    assert done.dropped >= 3
    assert subprocess.run(["git", "-C", str(repo), "cat-file", "-e", lost]).returncode
    assert subprocess.run(["git", "-C", str(repo), "cat-file", "-e", blob]).returncode
    assert git("-C", str(repo), "cat-file", "-t", kept) == "commit"


@pytest.mark.req("GIT-36")
def test_nothing_goes_while_a_push_is_being_checked(repo: Path) -> None:
    lost = push(repo, "lost", "gone")
    git("-C", str(repo), "update-ref", "-d", "refs/heads/gone")
    age(repo)
    quarantine = repo.parent.parent / "incoming" / f"{repo.stem}-abc"
    quarantine.mkdir()
    mark = hold_folder(quarantine)
    assert mark is not None
    try:
        done = run(repo, full=True)
    finally:
        os.close(mark)
    assert done.postponed
    assert git("-C", str(repo), "cat-file", "-t", lost) == "commit"
    assert run(repo, full=True).dropped == 3


@pytest.mark.parametrize(
    "point",
    [
        *("before-swap", "between-renames", "after-install", "after-hiding"),
        *("after-one-removal", "after-loose"),
    ],
)
@pytest.mark.req("GIT-36")
def test_killed_at_any_point_it_loses_nothing(repo: Path, point: str) -> None:
    push(repo, "one")
    push(repo, "lost", "gone")
    git("-C", str(repo), "update-ref", "-d", "refs/heads/gone")
    age(repo)
    before = git("-C", str(repo), "rev-list", "--objects", "--all")
    base = repo.parent.parent
    code = (
        "import sys; from pathlib import Path; from gitserver.upkeep import maintain;"
        "maintain(Path(sys.argv[1]), Path(sys.argv[2]), full=True)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, str(repo), str(base / "incoming")],
        env=os.environ | {"SPACEPORT_FAILPOINTS": f"upkeep:{point}=exit"},
    )
    assert killed.returncode == 137
    assert git("-C", str(repo), "rev-list", "--objects", "--all") == before
    git("-C", str(repo), "fsck", "--strict")
    run(repo, full=True)
    assert git("-C", str(repo), "rev-list", "--objects", "--all") == before
    assert not list((repo / "objects/pack").glob("*.old"))


def test_a_clone_after_a_rebuild_is_the_pack_itself(repo: Path) -> None:
    push(repo, "extra", "refs/internal/keep")
    run(repo, full=True)
    proofs = repo.parent.parent / "cache" / cache_name(repo)
    assert len(list(proofs.glob("closure-*"))) == 1
    git("-C", str(repo), "fsck", "--strict")


def test_loose_objects_and_refs_are_folded(repo: Path) -> None:
    git("-C", str(repo), "config", "transfer.unpackLimit", "1000")
    fast_import(repo, 3, branch="again")
    blob = git("-C", str(repo), "hash-object", "-w", "--stdin")
    run(repo)
    assert not list((repo / "objects").glob("??/*"))
    assert not list((repo / "refs/heads").iterdir())
    assert git("-C", str(repo), "cat-file", "-t", blob) == "blob"


async def test_readers_go_on_while_packs_are_replaced(repo: Path, tmp_path: Path) -> None:
    async with serving(tmp_path / "repos", tmp_path / "cache2") as server:
        for number in range(4):
            tip = push(repo, f"n{number}")
            await server.service.maintain(repo, tmp_path / "incoming", full=number % 2 == 0)
            copy = tmp_path / f"copy{number}"
            await client("clone", "-q", "--mirror", f"{server.url}/r.git", str(copy))
            git("-C", str(copy), "fsck", "--strict")
            assert git("-C", str(copy), "rev-parse", "main") == tip

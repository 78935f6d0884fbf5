"""Pushing to the plain server beside pushing to `git http-backend`, case by case."""

from __future__ import annotations

import shutil

import pytest

from tests.gitserver.plain.world import Same, World, after
from tests.gitserver.reading import fast_import


def test_create_move_force_delete(same: Same) -> None:
    def case(world: World) -> object:
        world.make()
        work = world.clone()
        world.commit(work)
        told = [world.push(work, "HEAD:main", "HEAD:refs/heads/a/b", "HEAD:refs/x/y")]
        world.git("tag", "-a", "v1", "-m", "one", cwd=work)
        told.append(world.push(work, "v1", "HEAD~1:refs/heads/older"))
        world.git("commit", "-q", "--amend", "-m", "other", cwd=work)
        told.append(world.push(work, "HEAD:main"))
        told.append(world.push(work, "+HEAD:main", "HEAD:refs/heads/a"))
        told.append(world.push(work, ":refs/heads/a/b", ":v1", ":refs/heads/none"))
        told.append(world.push(work, "HEAD:refs/heads/a", ":refs/x/y"))
        told.append(world.push(work, "--force-with-lease=main:HEAD~1", "HEAD~2:main"))
        return told, after(world)

    same(case)


def test_the_first_push(same: Same) -> None:
    def case(world: World) -> object:
        world.make(commits=0)
        work = world.clone()
        world.commit(work)
        return world.push(work, "HEAD:main", "HEAD:refs/tags/t"), after(world)

    same(case)


@pytest.mark.parametrize("atomic", [(), ("--atomic",)], ids=["each", "atomic"])
def test_one_of_several_is_refused(same: Same, atomic: tuple[str, ...]) -> None:
    def case(world: World) -> object:
        world.make()
        world.hook("update", 'case "$1" in */no) echo "not $1"; exit 1;; esac')
        work = world.clone()
        world.commit(work)
        refs = ("HEAD:main", "HEAD:refs/heads/no", "HEAD:refs/heads/yes")
        return world.push(work, *atomic, *refs), after(world)

    same(case)


def test_symbolic_and_packed_refs(same: Same) -> None:
    def case(world: World) -> object:
        repo = world.make()
        world.git("symbolic-ref", "refs/heads/alias", "refs/heads/main", cwd=repo)
        world.git("branch", "side", "main~1", cwd=repo)
        world.git("tag", "-a", "v1", "-m", "one", "main", cwd=repo)
        world.git("pack-refs", "--all", cwd=repo)
        work = world.clone()
        world.commit(work)
        told = [world.push(work, "HEAD:alias"), world.push(work, ":side", ":v1")]
        told.append(world.push(work, "HEAD:refs/heads/side/way"))
        world.git("branch", "from-git", "main", cwd=repo)
        world.git("update-ref", "-d", "refs/heads/side/way", cwd=repo)
        told.append(world.push(work, "HEAD:refs/heads/side"))
        return told, after(world)

    same(case)


def test_missing_objects_and_shallow_clients(same: Same) -> None:
    def case(world: World) -> object:
        world.make(commits=9)
        other = world.make("other.git", 0)
        whole = world.clone()
        world.commit(whole)
        shallow = world.clone("r.git", "shallow", "--depth=2")
        world.commit(shallow)
        told = [world.push(shallow, "HEAD:refs/heads/s")]
        world.git("remote", "set-url", "origin", world.address("other.git"), cwd=shallow)
        told.append(world.push(shallow, "HEAD:refs/heads/s"))
        broken = world.place / "broken"
        shutil.copytree(whole, broken)
        blob = world.git("rev-parse", "HEAD:new.txt", cwd=broken)
        (broken / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
        world.seen.clear()
        return told, after(world), world.refs(other)

    same(case)


def test_borrowed_and_replaced(same: Same) -> None:
    """Objects of an alternate count as there; git may repack between two pushes."""

    def case(world: World) -> object:
        base = world.make("base.git", 8)
        world.git("clone", "-q", "--bare", "--shared", str(base), str(world.repo))
        world.config(**{"http.receivepack": "true"})
        work = world.clone()
        told = []
        for number in range(4):
            world.commit(work, f"f{number}")
            told.append(world.push(work, "HEAD:main"))
            world.git("gc", "-q", cwd=world.repo)
        return told, after(world)

    same(case)


def test_a_large_push_with_deltas_in_pieces(same: Same) -> None:
    def case(world: World) -> object:
        world.make()
        work = world.clone()
        fast_import(work / ".git", 150, files=20, branch="big")
        world.config(work, **{"http.postBuffer": "1000"})
        told = world.push(work, "big")
        return told, after(world)

    same(case)

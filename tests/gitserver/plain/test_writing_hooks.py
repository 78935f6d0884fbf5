"""Hooks of pushes on both servers: what they are told, and what their refusal leaves."""

from __future__ import annotations

import shutil

import pytest

from tests.gitserver.plain.world import Same, World, after

ZERO = "0" * 40
SHOW = (
    'echo "$0 $*" | sed "s|^[./]*hooks/||"; env | grep -E "^(GIT_(DIR|PUSH|QUARANTINE|OBJECT|ALT)'
    '|REMOTE_)" | sed "s|[^ ]*tmp_objdir-[a-zA-Z0-9-]*|QUARANTINE|; '
    's|/[^=]*/r.git[/.]*|REPO/|; s|/$||" | sort;'
    " case $0 in *receive|*transaction) cat;; esac; pwd | sed 's|.*/||'"
)
EVERY = (
    *("pre-receive", "update", "post-receive", "post-update"),
    "reference-transaction",
)


@pytest.mark.parametrize("name", EVERY)
def test_hooks_and_what_they_are_told(same: Same, name: str) -> None:
    def case(world: World) -> object:
        world.make()
        world.config(**{"receive.advertisePushOptions": "true"})
        file = world.root / "told"
        quiet = name == "reference-transaction"  # its output is no answer to the pusher
        world.hook(name, f"({SHOW}) >>{file}" if quiet else SHOW)
        work = world.clone()
        world.commit(work)
        told = world.push(work, "-o", "one", "-o", "two=2", "HEAD:main", "HEAD:refs/heads/n")
        told = told, world.push(work, ":n")
        lines = sorted(set(file.read_text().splitlines())) if quiet else []
        return (
            told,
            [line for line in lines if "abort" not in line and f"{ZERO} {ZERO}" not in line],
            after(world),
        )

    same(case)


@pytest.mark.parametrize(
    ("name", "atomic"),
    [*((name, ()) for name in EVERY), *((name, ("--atomic",)) for name in ("update", EVERY[-1]))],
)
def test_hooks_that_refuse(same: Same, name: str, atomic: tuple[str, ...]) -> None:
    def case(world: World) -> object:
        world.make()
        world.hook(name, "echo no; echo bad >&2; exit 3")
        work = world.clone()
        new = world.commit(work)
        told = world.push(work, *atomic, "HEAD:main", "HEAD:refs/heads/n")
        if name == "reference-transaction":  # git dies of it, without a report
            told = told[0], []
            world.seen.clear()
        kept = world.run("cat-file", "-e", new, cwd=world.repo).code == 0
        return told, kept if name == "pre-receive" else None, after(world)

    same(case)


def test_the_quarantine(same: Same) -> None:
    """pre-receive can read what was pushed, others cannot, and nothing of a refusal stays."""

    def case(world: World) -> object:
        world.make()
        script = (
            'read old new ref; git cat-file -t "$new"; git log --format=%s -1 "$new";'
            'git cat-file -p "$new:new.txt"; cd /; env -u GIT_QUARANTINE_PATH '
            f"-u GIT_OBJECT_DIRECTORY git --git-dir='{world.repo}' cat-file -e \"$new\" && "
            "echo bad;"
            'git rev-list --count "$new"; git update-ref refs/heads/q "$new" && echo worse; exit 1'
        )
        world.hook("pre-receive", script)
        work = world.clone()
        new = world.commit(work)
        told = world.push(work, "HEAD:main")
        return told, world.run("cat-file", "-e", new, cwd=world.repo).code, after(world)

    same(case)


def test_hooks_elsewhere(same: Same) -> None:
    def case(world: World) -> object:
        world.make()
        world.hook("pre-receive", "echo from hooks")
        shutil.move(world.repo / "hooks", world.repo / "other")
        world.config(**{"core.hooksPath": "other"})
        work = world.clone()
        world.commit(work)
        first = world.push(work, "HEAD:main")
        (world.repo / "other/pre-receive").chmod(0o644)
        world.commit(work, "again")
        return first, world.push(work, "HEAD:main"), after(world)

    same(case)


def test_push_to_checkout(same: Same) -> None:
    def case(world: World) -> object:
        repo = world.make(bare=False)
        world.config(repo, **{"receive.denyCurrentBranch": "updateInstead"})
        world.hook("push-to-checkout", 'echo "to $1"; git read-tree -u -m HEAD "$1"', repo)
        work = world.clone()
        world.commit(work)
        told = world.push(work, "HEAD:main")
        world.seen.clear()
        return told, (repo / "new.txt").read_text(), after(world, repo)

    same(case)

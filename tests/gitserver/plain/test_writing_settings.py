"""What a repository's configuration says of pushes, obeyed by both servers alike."""

from __future__ import annotations

import re

import pytest

from tests.gitserver.plain.world import Same, World, after

POLICIES: dict[str, tuple[dict[str, str], list[str]]] = {
    "force": ({"receive.denyNonFastForwards": "true"}, ["+HEAD~2:main", "+HEAD~2:v0"]),
    "deletes": ({"receive.denyDeletes": "true"}, [":side", ":v0"]),
    "current": ({}, [":main"]),
    "current-ignored": ({"receive.denyDeleteCurrent": "ignore"}, [":main"]),
    "current-warned": ({"receive.denyDeleteCurrent": "warn"}, [":main"]),
    "current-refused": ({"receive.denyDeleteCurrent": "refuse"}, [":main", ":side"]),
    "hidden": ({"receive.hideRefs": "refs/x"}, ["HEAD:refs/x/1", "HEAD:refs/y/1"]),
    "hidden-but": (
        {"transfer.hideRefs": "refs/x", "receive.hideRefs": "!refs/x/open"},
        ["HEAD:refs/x/1", "HEAD:refs/x/open/1"],
    ),
    "upload-hidden": ({"uploadpack.hideRefs": "refs/x"}, ["HEAD:refs/x/1"]),
    "no-atomic": ({"receive.advertiseAtomic": "false"}, ["--atomic", "HEAD:refs/heads/n"]),
    "no-options": ({}, ["-o", "x", "HEAD:refs/heads/n"]),
    "size": ({"receive.maxInputSize": "100"}, ["HEAD:refs/heads/n"]),
    "size-k": ({"receive.maxInputSize": "1m"}, ["HEAD:refs/heads/n"]),
    "tag-of-tree": ({}, ["HEAD^{tree}:refs/tags/tree", "HEAD^{tree}:refs/heads/tree"]),
    "odd-names": ({}, ["HEAD:refs/heads/-x", "HEAD:refs/heads/@"]),
    "objects-by-loose": ({"receive.unpackLimit": "1"}, ["HEAD:refs/heads/n"]),
}


@pytest.mark.parametrize("name", POLICIES)
def test_policies(same: Same, name: str) -> None:
    settings, refs = POLICIES[name]

    def case(world: World) -> object:
        repo = world.make()
        world.config(**settings)
        world.git("branch", "side", "main", cwd=repo)
        world.git("tag", "v0", "main", cwd=repo)
        work = world.clone()
        world.commit(work, text="x" * 5000)
        code, lines = world.push(work, *refs)
        if name.startswith("size"):  # git's words are those of its own index-pack
            world.seen.clear()
            lines = [re.sub(r"\(.*", "", line) for line in lines]
        if name in ("current", "tag-of-tree"):  # advice and reasons in words of our own
            world.seen.clear()
            lines = [re.sub(r"\(.*", "", line) for line in lines]
        return code, lines, after(world)

    same(case)


@pytest.mark.parametrize("setting", ["", "refuse", "warn", "ignore", "updateInstead", "true"])
def test_the_branch_that_is_checked_out(same: Same, setting: str) -> None:
    def case(world: World) -> object:
        repo = world.make(bare=False)
        if setting:
            world.config(repo, **{"receive.denyCurrentBranch": setting})
        tree = world.root / "second"
        world.git("worktree", "add", "-q", "-b", "second", str(tree), cwd=repo)
        work = world.clone()
        world.commit(work)
        told = world.push(work, "HEAD:main", "HEAD:refs/heads/free", "HEAD:second")
        world.seen.clear()  # the advice is in words of our own
        logs = [world.git("reflog", "--format=%H %gs", ref, cwd=repo) for ref in ("main", "HEAD")]
        dirty = world.git("status", "--porcelain", cwd=repo)
        (repo / "dir0/sub/file0.txt").write_text("changed")
        world.commit(work, "more.txt")
        world.commit(work, "dir0/sub/file0.txt")
        again = world.push(work, "HEAD:main")
        world.seen.clear()
        return told, logs, dirty, again, after(world, repo)

    same(case)


@pytest.mark.parametrize(
    ("bare", "setting"),
    [(True, ""), (True, "true"), (True, "always"), (False, ""), (False, "false")],
)
def test_reflogs(same: Same, setting: str, bare: bool) -> None:
    def case(world: World) -> object:
        repo = world.make(bare=bare)
        world.config(repo, **{"receive.denyCurrentBranch": "ignore"})
        if setting:
            world.config(repo, **{"core.logAllRefUpdates": setting})
        work = world.clone()
        world.commit(work)
        world.push(work, "HEAD:main", "HEAD:refs/heads/n", "HEAD:refs/tags/t", "HEAD:refs/x/y")
        world.commit(work, "more")
        world.push(work, "HEAD:main", ":n")
        logs = (repo if bare else repo / ".git") / "logs"
        stamp = re.compile(r" \d+ [+-]\d{4}\t")
        return {
            path.relative_to(logs).as_posix(): stamp.sub(" TIME\t", path.read_text())
            for path in sorted(logs.rglob("*"))
            if path.is_file()
        }, after(world, repo)

    same(case)

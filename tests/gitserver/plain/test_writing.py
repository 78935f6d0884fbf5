"""Pushing to the plain server beside pushing to `git http-backend`, case by case."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gitserver.plain.world import Case, World
from tests.gitserver.reading import fast_import

ZERO = "0" * 40
Same = Callable[[Case], Any]


def after(world: World, repo: Path | None = None) -> object:
    """What the server has in the end: refs, soundness, nothing left over."""
    where = repo or world.repo
    git_dir = where if (where / "HEAD").exists() else where / ".git"
    left = [path.name for path in (git_dir / "objects").glob("tmp_*")]
    left += [path.name for path in git_dir.rglob("*.lock") if path.name != "spaceport.lock"]
    return world.refs(where), world.sound(where), left


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


def hostile(repo: Path, entry: bytes, message: str = "x") -> str:
    """A commit whose tree has an odd entry; made by hand in a client's repository."""

    def add(kind: str, data: bytes) -> str:
        done = subprocess.run(
            ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"],
            cwd=repo,
            input=data,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    blob = add("blob", b"data")
    tree = add("tree", entry + b"\0" + bytes.fromhex(blob))
    who = "A <a@example.org> 1700000000 +0000"
    return add("commit", f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{message}\n".encode())


FSCK = {
    "off": ({}, b"100644 .git"),
    "transfer": ({"transfer.fsckObjects": "true"}, b"100644 .git"),
    "receive-wins": (
        {"transfer.fsckObjects": "true", "receive.fsckObjects": "false"},
        b"100644 .git",
    ),
    "on": ({"receive.fsckObjects": "true"}, b"100644 .git"),
    "ignored": (
        {"receive.fsckObjects": "true", "receive.fsck.hasDotgit": "ignore"},
        b"100644 .git",
    ),
    "warned": ({"receive.fsckObjects": "true", "receive.fsck.hasdotgit": "warn"}, b"100644 .git"),
    "other-id": (
        {"receive.fsckObjects": "true", "receive.fsck.hasDotdot": "ignore"},
        b"100644 .git",
    ),
    "padded": ({"receive.fsckObjects": "true"}, b"0100644 file"),
    "padded-ok": (
        {"receive.fsckObjects": "true", "receive.fsck.zeroPaddedFilemode": "ignore"},
        b"0100644 file",
    ),
    "padded-off": ({}, b"0100644 file"),
    "mode": ({"receive.fsckObjects": "true"}, b"100666 file"),
    "fine": ({"receive.fsckObjects": "true"}, b"100644 file"),
}


@pytest.mark.parametrize("name", FSCK)
def test_checks_of_objects(same: Same, name: str) -> None:
    settings, entry = FSCK[name]

    def case(world: World) -> object:
        world.make()
        world.config(**settings)
        work = world.clone()
        odd = hostile(work, entry)
        code, lines = world.push(work, f"{odd}:refs/heads/odd")
        world.seen.clear()
        lines = [re.sub(r"\(.*", "", line) for line in lines]
        return code, lines, world.refs()

    same(case)


def test_a_list_of_objects_to_skip(same: Same) -> None:
    def case(world: World) -> object:
        world.make()
        work = world.clone()
        odd = hostile(work, b"100644 .git")
        tree = world.git("rev-parse", f"{odd}^{{tree}}", cwd=work)
        skip = world.root / "skip"
        skip.write_text(f"# known\n{tree}\n")
        world.config(**{"receive.fsckObjects": "true", "receive.fsck.skipList": str(skip)})
        told = world.push(work, f"{odd}:refs/heads/odd")
        return told, world.refs()

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

"""Reading from the plain server beside reading from `git http-backend`, case by case."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.gitserver.plain.world import Same, World
from tests.gitserver.reading import fast_import

VERSIONS = ("0", "1", "2")


def ls(world: World, name: str = "r.git", version: str = "2", *more: str) -> tuple[int, str]:
    done = world.run("-c", f"protocol.version={version}", "ls-remote", world.address(name), *more)
    return done.code, done.out


def tags(world: World) -> None:
    world.git("tag", "light", "main~2", cwd=world.repo)
    world.git("tag", "-a", "v1", "-m", "one", "main", cwd=world.repo)


@pytest.mark.parametrize("version", VERSIONS)
def test_refs_and_a_clone(same: Same, version: str) -> None:
    def case(world: World) -> object:
        world.make()
        tags(world)
        world.git("pack-refs", "--all", cwd=world.repo)
        world.git("update-ref", "refs/notes/x", "main", cwd=world.repo)
        world.git("symbolic-ref", "refs/heads/alias", "refs/heads/main", cwd=world.repo)
        listed = ls(world, version=version), ls(world, "r", version, "--symref")
        work = world.clone("r.git", "work", "-c", f"protocol.version={version}", "--mirror")
        return listed, world.git("for-each-ref", cwd=work), world.sound(work)

    (listed, _), refs, sound = same(case)
    assert listed[0] == 0
    assert "refs/notes/x" in refs
    assert not sound


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_repository(same: Same, version: str) -> None:
    def case(world: World) -> object:
        world.make(commits=0)
        world.git("symbolic-ref", "HEAD", "refs/heads/trunk", cwd=world.repo)
        work = world.clone("r.git", "work", "-c", f"protocol.version={version}")
        return ls(world, version=version), (work / ".git/HEAD").read_text()

    same(case)


def test_a_detached_head(same: Same) -> None:
    def case(world: World) -> object:
        world.make()
        world.git("update-ref", "--no-deref", "HEAD", "main~1", cwd=world.repo)
        return [ls(world, "r.git", version, "--symref") for version in VERSIONS]

    same(case)


@pytest.mark.parametrize(
    "hidden",
    [
        ("refs/pull",),
        ("refs/heads/",),
        ("refs/heads", "!refs/heads/main"),
        ("!refs/heads/main", "refs/heads"),
        ("^refs/tags",),
        ("refs/heads/main",),
        ("HEAD",),
        ("refs/tags/v1", "refs/tags/v"),
    ],
    ids="-".join,
)
def test_hidden_refs(same: Same, hidden: tuple[str, ...]) -> None:
    def case(world: World) -> object:
        world.make()
        tags(world)
        world.git("update-ref", "refs/pull/1/head", "main~1", cwd=world.repo)
        world.git("update-ref", "refs/heads/side", "main~1", cwd=world.repo)
        for number, rule in enumerate(hidden):
            world.config(**{f"{('transfer', 'uploadpack')[number % 2]}.hideRefs": rule})
        return [ls(world, "r.git", version, "--symref") for version in VERSIONS]

    same(case)


@pytest.mark.parametrize(
    ("service", "value"),
    [
        *(("uploadpack", value) for value in ("false", "yes", "0")),
        *(("receivepack", value) for value in ("true", "false", "on", "")),
    ],
)
def test_services_are_switched(same: Same, service: str, value: str) -> None:
    def case(world: World) -> object:
        world.make()
        world.git("config", "--unset-all", "http.receivepack", cwd=world.repo)
        world.config(**{f"http.{service}": value})
        pushed = world.run("push", world.address(), "HEAD:refs/heads/x", cwd=world.repo)
        return ls(world), pushed.code, status(world, "r.git/info/refs?service=git-receive-pack")

    same(case)


def status(world: World, path: str) -> int:
    try:
        with urllib.request.urlopen(world.address(path), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


WANTS = ("allowTipSHA1InWant", "allowReachableSHA1InWant", "allowAnySHA1InWant")


@pytest.mark.parametrize("version", ["0", "2"])
@pytest.mark.parametrize("allowed", ["", *WANTS])
def test_objects_by_their_ids(same: Same, allowed: str, version: str) -> None:
    def case(world: World) -> object:
        repo = world.make()
        world.git("update-ref", "refs/hidden/x", "main", cwd=repo)
        fast_import(repo, 9, branch="hidden")
        hidden = world.git("rev-parse", "hidden", cwd=repo)
        world.git("update-ref", "refs/hidden/x", hidden, cwd=repo)
        world.git("update-ref", "-d", "refs/heads/hidden", cwd=repo)
        fast_import(repo, 12, branch="gone")
        gone = world.git("rev-parse", "gone", cwd=repo)
        world.git("update-ref", "-d", "refs/heads/gone", cwd=repo)
        world.config(**{"transfer.hideRefs": "refs/hidden"})
        if allowed:
            world.config(**{f"uploadpack.{allowed}": "true"})
        oids = {
            "tip": world.git("rev-parse", "main", cwd=repo),
            "below": world.git("rev-parse", "main~2", cwd=repo),
            "tree": world.git("rev-parse", "main~2^{tree}", cwd=repo),
            "hidden": hidden,
            "below-hidden": world.git("rev-parse", f"{hidden}~1", cwd=repo),
            "gone": gone,
            "missing": "1" * 40,
        }
        outcome = {}
        for name, oid in oids.items():
            copy = world.place / name
            world.git("init", "-q", "--bare", str(copy))
            done = world.run(
                *("-c", f"protocol.version={version}", "fetch", "-q", "--depth=1"),
                *(world.address(), oid),
                cwd=copy,
            )
            outcome[name] = done.code == 0
        return outcome

    outcome = same(case)
    assert outcome["tip"]
    assert not outcome["missing"]


@pytest.mark.parametrize(
    ("allowed", "version", "spec"),
    [
        *((True, "2", spec) for spec in ("blob:none", "tree:0", "blob:limit=100", "tree:2")),
        *((True, "0", "blob:none"), (False, "2", "blob:none"), (False, "0", "blob:none")),
    ],
)
def test_partial_clones(same: Same, allowed: bool, version: str, spec: str) -> None:
    def case(world: World) -> object:
        world.make()
        world.config(**{"uploadpack.allowFilter": str(allowed).lower()})
        world.config(**{"uploadpack.allowAnySHA1InWant": "true"})
        done = world.run(
            *("-c", f"protocol.version={version}", "clone", "-q", f"--filter={spec}"),
            *("--no-checkout", world.address(), "work"),
        )
        work = world.place / "work"
        objects = world.git(
            *("rev-list", "--objects", "--all", "--missing=print"), cwd=work
        ).splitlines()
        checked = world.run("checkout", "-q", "main", cwd=work).code
        return done.code, sorted(objects), checked, world.told(done.err)

    same(case)


@pytest.mark.parametrize(
    "settings",
    [
        {"uploadpackfilter.allow": "false"},
        {"uploadpackfilter.blob:none.allow": "false"},
        {"uploadpackfilter.allow": "false", "uploadpackfilter.blob:none.allow": "true"},
        {"uploadpackfilter.tree.maxDepth": "1"},
    ],
    ids=str,
)
def test_which_filters(same: Same, settings: dict[str, str]) -> None:
    def case(world: World) -> object:
        world.make()
        world.config(**{"uploadpack.allowFilter": "true"}, **settings)
        return [
            world.run(
                "clone", "-q", f"--filter={spec}", "-n", world.address(), spec.replace(":", "")
            ).code
            for spec in ("blob:none", "tree:1", "tree:2")
        ]

    same(case)


@pytest.mark.parametrize(
    "options",
    [
        ("--depth=2",),
        ("--shallow-since=2020-09-13T12:28:00Z",),
        ("--shallow-exclude=light",),
        ("--single-branch", "--no-tags"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("version", ["0", "2"])
def test_shallow_clones(same: Same, options: tuple[str, ...], version: str) -> None:
    def case(world: World) -> object:
        world.make(commits=12)
        tags(world)
        work = world.clone("r.git", "work", "-c", f"protocol.version={version}", *options)
        shallow = work / ".git/shallow"
        boundary = sorted(shallow.read_text().split()) if shallow.exists() else []
        log = world.git("log", "--format=%H", "--all", cwd=work)
        world.git("fetch", "-q", "--unshallow" if boundary else "--all", cwd=work)
        return boundary, log, world.git("rev-list", "--all", "--count", cwd=work)

    same(case)


def test_a_repository_that_is_shallow_itself(same: Same) -> None:
    def case(world: World) -> object:
        whole = world.make("whole.git", 12)
        world.git("clone", "-q", "--bare", "--depth=3", f"file://{whole}", str(world.repo))
        work = world.clone()
        return world.git("log", "--format=%H", cwd=work), world.sound(work)

    same(case)


def test_where_repositories_are_found(same: Same) -> None:
    """Suffixes, `.git` files, linked worktrees, and paths that lead nowhere."""

    def case(world: World) -> object:
        world.make("bare.git")
        world.make("tree", bare=False)
        world.make("both.git", 2)
        world.make("both", 4, bare=False)
        world.make("deep/er/x.git", 3)
        (world.root / "folder").mkdir()
        (world.root / "folder.git").mkdir()
        tree = world.root / "tree"
        world.git("worktree", "add", "-q", "-b", "side", str(world.root / "linked"), cwd=tree)
        world.commit(world.root / "linked")
        shutil.move(tree / ".git", world.root / "elsewhere.git")
        (tree / ".git").write_text("gitdir: ../elsewhere.git\n")
        link = world.root / "elsewhere.git/worktrees/linked"
        (world.root / "linked/.git").write_text(f"gitdir: {link}\n")
        world.git("config", "core.worktree", str(tree), cwd=world.root / "elsewhere.git")
        names = ["bare", "bare.git", "bare.git/", "tree", "tree/.git", "both", "both.git", "linked"]
        names += ["deep/er/x", "deep/er", "deep", "folder", "none", "elsewhere", ".", "tree.git"]
        names += ["../root", "a/../bare.git", "%2e%2e/root", "bare.git%00", "bare.git/objects"]
        return {name: ls(world, name) for name in names}

    found = same(case)
    assert found["linked"][0] == 0
    assert found["linked"][1] != found["tree"][1]


def test_methods_types_and_services(same: Same) -> None:
    def case(world: World) -> object:
        world.make()
        paths = ["info/refs?service=git-upload-pack", "info/refs?service=git-none"]
        paths += ["info/refs?service=git-upload-pack&x=1", "nothing/there"]
        return [status(world, f"r.git/{path}") for path in paths]

    same(case)


def test_borrowed_objects(same: Same) -> None:
    def case(world: World) -> object:
        base = world.make("base.git", 8)
        world.git("clone", "-q", "--bare", "--shared", str(base), str(world.repo))
        first = ls(world), world.sound(world.clone())
        # and once nothing is borrowed any longer
        world.git("repack", "-q", "-a", "-d", cwd=world.repo)
        (world.repo / "objects/info/alternates").unlink()
        shutil.rmtree(base)
        return first, world.sound(world.clone("r.git", "again"))

    same(case)


@pytest.mark.parametrize("where", ["include", "includeif", "worktree", "global"])
def test_where_settings_come_from(
    same: Same, where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "[Transfer]\n\tHideRefs = refs/pull # why not\n"
    (tmp_path / "global").write_text(text)
    if where == "global":
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "global"))

    def case(world: World) -> object:
        repo = world.make()
        world.git("update-ref", "refs/pull/1", "main", cwd=repo)
        extra = world.root / "extra"
        extra.write_text(text)
        if where == "include":
            world.config(**{"include.path": "../extra"})
        elif where == "includeif":
            world.config(**{"includeIf.gitdir:**/r.git.path": str(extra)})
        elif where == "worktree":
            world.config(**{"extensions.worktreeConfig": "true"})
            shutil.copy(extra, repo / "config.worktree")
        return ls(world)

    assert "refs/pull" not in same(case)[1]


def test_a_damaged_configuration(same: Same) -> None:
    def case(world: World) -> object:
        world.make()
        (world.repo / "config").write_text("[core\n")
        return ls(world)[0] != 0

    assert same(case)


def test_what_git_writes_meanwhile_is_seen(same: Same) -> None:
    """Loose and packed refs, gc, a file written in place, a repository that comes and goes."""

    def case(world: World) -> object:
        told = [ls(world)]
        repo = world.make()
        told.append(ls(world))
        for number in range(3):
            world.git("update-ref", f"refs/heads/b{number}", f"main~{number}", cwd=repo)
            told.append(ls(world))
        world.git("pack-refs", "--all", "--prune", cwd=repo)
        world.git("update-ref", "refs/heads/b1", "main~3", cwd=repo)
        told.append(ls(world))
        older = world.git("rev-parse", "main~4", cwd=repo)
        (repo / "refs/heads/b1").write_text(f"{older}\n")
        told.append(ls(world))
        fast_import(repo, 30, branch="main")
        work = world.clone()
        world.git("gc", "-q", "--prune=now", cwd=repo)
        told.append(ls(world))
        world.git("fetch", "-q", "origin", "b1:here", cwd=work)
        world.git("branch", "-D", "b0", cwd=repo)
        world.git("symbolic-ref", "HEAD", "refs/heads/b2", cwd=repo)
        told.append(ls(world, "r.git", "2", "--symref"))
        shutil.move(repo, world.root / "other.git")
        told += [ls(world), ls(world, "other")]
        shutil.rmtree(world.root / "other.git")
        told.append(ls(world, "other"))
        world.make(commits=3)
        return told, ls(world), world.sound(world.clone("r.git", "last"))

    same(case)

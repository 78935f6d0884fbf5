"""Pushes by a real git client."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from config.git import GitSettings, PushLimits
from gitserver.objects.store import Objects
from gitserver.receive.hooks import Progress
from spaceport.push import MAIN, Push, Rejection
from tests.gitserver.writing import (
    Server,
    clone,
    commit,
    fsck,
    git,
    left_behind,
    said,
    serving,
)
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def clean_afterwards(server: Server) -> object:
    """After every push here the repository is sound for git itself, and nothing is left over."""
    yield
    assert fsck(server.repository) == ""
    eventually(lambda: not left_behind(server))


@pytest.mark.req("GIT-01")
def test_a_push_is_there_when_git_returns(server: Server, work: Path, tmp_path: Path) -> None:
    new = commit(work, {"app.py": "print(1)\n", "deep/er/x": "y\n"})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert server.head == new
    assert git("rev-parse", "HEAD", cwd=clone(server, tmp_path / "again")) == new


def test_branches_and_tags(server: Server, work: Path) -> None:
    first = commit(work, {"a": "1"})
    git("tag", "-a", "v1", "-m", "one", cwd=work)
    git("tag", "light", cwd=work)
    git("push", "-q", "origin", "HEAD:main", "HEAD:refs/heads/f/x", "v1", "light", cwd=work)
    refs = server.refs()
    assert refs[MAIN] == refs["refs/heads/f/x"] == refs["refs/tags/light"] == first
    assert server.repositories.refs(KEY := server.repository.stem).peeled == {
        "refs/tags/v1": first
    }, KEY
    assert git("ls-remote", server.url, "v1^{}", cwd=work).startswith(first)


def test_force_and_lease(server: Server, work: Path) -> None:
    first = commit(work, {"a": "1"})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    git("commit", "-q", "--amend", "-m", "other", cwd=work)
    assert "rejected" in git("push", "origin", "HEAD:main", cwd=work, ok=False)
    assert server.head == first
    git("push", "-q", f"--force-with-lease=main:{first}", "origin", "HEAD:main", cwd=work)
    assert server.head == git("rev-parse", "HEAD", cwd=work)


@pytest.mark.req("GIT-03")
def test_delete(server: Server, work: Path) -> None:
    git("push", "-q", "origin", "HEAD:refs/heads/dev", cwd=work)
    git("push", "-q", "origin", ":dev", cwd=work)
    assert set(server.refs()) == {MAIN}
    told = git("push", "origin", ":main", cwd=work, ok=False)
    assert "refusing to delete the current branch" in told
    assert set(server.refs()) == {MAIN}


@pytest.mark.req("GIT-04")
def test_atomic(server: Server, work: Path) -> None:
    head = server.head
    commit(work, {"a": "1"})
    told = git(
        *("push", "--atomic", "origin", "HEAD:main", "HEAD:refs/heads/dev", "HEAD:refs/heads/-x"),
        cwd=work,
        ok=False,
    )
    assert "atomic" in told
    assert server.refs() == {MAIN: head}
    git("push", "-q", "--atomic", "origin", "HEAD:main", "HEAD:refs/heads/dev", cwd=work)
    assert set(server.refs()) == {MAIN, "refs/heads/dev"}


@pytest.mark.req("GIT-20")
def test_many_refs(tmp_path: Path) -> None:
    settings = GitSettings(push=PushLimits(commands=1_501))
    with serving(tmp_path / "many", settings) as server:
        work = clone(server, tmp_path / "clone")
        head = git("rev-parse", "HEAD", cwd=work)
        lines = "".join(f"create refs/tags/t{n} {head}\n" for n in range(1_500))
        subprocess.run(["git", "update-ref", "--stdin"], cwd=work, input=lines.encode(), check=True)
        git("push", "-q", "--tags", cwd=work)
        assert len(server.refs()) == 1_501


@pytest.mark.req("GIT-20")
def test_too_many_refs_in_one_push(tmp_path: Path) -> None:
    with serving(tmp_path / "few", GitSettings(push=PushLimits(commands=3))) as server:
        work = clone(server, tmp_path / "clone")
        git("push", "-q", "origin", *(f"HEAD:refs/heads/b{n}" for n in range(3)), cwd=work)
        told = git(
            "push", "origin", *(f"HEAD:refs/heads/c{n}" for n in range(4)), cwd=work, ok=False
        )
        assert "too many refs" in told
        assert len(server.refs()) == 4


def test_refs_of_a_repository_are_limited(tmp_path: Path) -> None:
    with serving(tmp_path / "few", GitSettings(refs=3)) as server:
        work = clone(server, tmp_path / "clone")
        git("push", "-q", "origin", "HEAD:refs/heads/a", "HEAD:refs/heads/b", cwd=work)
        assert "at most 3 refs" in git("push", "origin", "HEAD:refs/heads/c", cwd=work, ok=False)


def test_push_options_reach_the_hooks(server: Server, work: Path) -> None:
    commit(work, {"a": "1"})
    git("push", "-q", "-o", "one", "-o", "two words", "origin", "HEAD:main", cwd=work)
    assert server.hooks.announced[0].options == ("one", "two words")


@pytest.mark.parametrize(
    "settings",
    [
        ("http.postBuffer=1000",),  # chunked, with a probe before it
        ("http.postBuffer=1000", "http.version=HTTP/1.1", "protocol.version=0"),
        ("protocol.version=1",),
        ("pack.compression=0", "http.postBuffer=10000000"),
    ],
)
def test_large_pushes(server: Server, work: Path, settings: tuple[str, ...]) -> None:
    data = b"".join(bytes([n % 251, n % 7, n // 256 % 256]) for n in range(1_700_000))
    new = commit(work, {"big.bin": data, **{f"f{n}": f"{n}\n" * 50 for n in range(200)}})
    options = [word for setting in settings for word in ("-c", setting)]
    git(*options, "push", "-q", "origin", "HEAD:main", cwd=work)
    assert server.head == new


def test_thin_packs_are_completed(server: Server, work: Path) -> None:
    lines = [f"line {n} of a file that makes deltas worth while\n" for n in range(2_000)]
    commit(work, {"long.txt": "".join(lines)})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    lines[1_000] = "changed\n"
    new = commit(work, {"long.txt": "".join(lines)})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert server.head == new
    for pack in (server.repository / "objects/pack").glob("*.idx"):
        git("verify-pack", pack, cwd=server.repository)


def test_a_push_from_a_shallow_clone(server: Server, work: Path, tmp_path: Path) -> None:
    for number in range(3):
        commit(work, {"a": str(number)})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    shallow = tmp_path / "shallow"
    git("clone", "-q", "--depth", "1", server.url, shallow, cwd=tmp_path)
    new = commit(shallow, {"a": "new"})
    git("push", "-q", "origin", "HEAD:main", cwd=shallow)
    assert server.head == new


@pytest.mark.req("GIT-07")
def test_a_shallow_history_that_is_not_here_is_refused(
    server: Server, work: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    git("init", "-q", "-b", "main", other, cwd=tmp_path)
    for number in range(3):
        commit(other, {"b": str(number)})
    shallow = tmp_path / "shallow"
    git("clone", "-q", "--depth", "1", f"file://{other}", shallow, cwd=tmp_path)
    told = git("push", server.url, "HEAD:refs/heads/new", cwd=shallow, ok=False)
    assert "shallow update not allowed" in told
    assert set(server.refs()) == {MAIN}


def test_the_hooks_decide_on_quarantined_objects(server: Server, work: Path) -> None:
    head = server.head

    def judge(push: Push, objects: Objects, progress: Progress) -> list[Rejection]:
        progress("looking at it\n")
        tip = push.updates[0].new
        assert bytes.fromhex(tip) in objects
        outside = git("cat-file", "-e", tip, cwd=server.repository, ok=False)
        assert "Not a valid object" in outside or outside == ""
        return [Rejection(MAIN, "no such thing here", "Mend it like this:\n  do that")]

    server.hooks.judge = judge
    new = commit(work, {"a": "1"})
    told = git("push", "origin", "HEAD:main", "HEAD:refs/heads/dev", cwd=work, ok=False)
    assert "remote: looking at it" in told
    assert "remote: Mend it like this:" in told
    assert "[remote rejected] HEAD -> main (no such thing here)" in told
    assert server.refs() == {MAIN: head, "refs/heads/dev": new}
    assert [update.ref for update in server.hooks.announced[0].updates] == ["refs/heads/dev"]


@pytest.mark.req("GIT-06")
def test_what_is_refused_leaves_nothing(server: Server, work: Path) -> None:
    server.hooks.judge = lambda push, *_: [Rejection(u.ref, "no") for u in push.updates]
    before = sorted((server.repository / "objects/pack").iterdir())
    for number in range(10):
        tip = commit(work, {"a": str(number)})
        git("push", "origin", "HEAD:main", cwd=work, ok=False)
        git("cat-file", "-e", tip, cwd=server.repository, ok=False)
    assert sorted((server.repository / "objects/pack").iterdir()) == before


def test_a_check_that_breaks_refuses(server: Server, work: Path) -> None:
    def judge(*_: object) -> list[Rejection]:
        raise RuntimeError("broken")

    server.hooks.judge = judge
    commit(work, {"a": "1"})
    assert "could not check" in git("push", "origin", "HEAD:main", cwd=work, ok=False)


def test_the_announcement_speaks_and_may_fail(server: Server, work: Path) -> None:
    server.hooks.lines = ["See http://hub/spaces/ann/x", "bad \x1b[31m byte"]
    new = commit(work, {"a": "1"})
    told = said("push", "origin", "HEAD:main", cwd=work)
    assert "remote: See http://hub/spaces/ann/x" in told
    assert "\x1b[31m" not in told.replace("\x1b[K", "")
    server.hooks.fails = True
    newer = commit(work, {"a": "2"})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert (new, server.head) == (server.hooks.announced[0].updates[0].new, newer)


@pytest.mark.req("GIT-33")
def test_the_servers_own_files_stay_as_they_are(server: Server, work: Path) -> None:
    kept = {name: (server.repository / name).read_bytes() for name in ("HEAD", "config")}
    commit(work, {"config": "[core]\n", "hooks/post-update": "#!/bin/sh\n", "HEAD": "x\n"})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert kept == {name: (server.repository / name).read_bytes() for name in kept}
    assert not (server.repository / "hooks").exists()


@pytest.mark.req("GIT-35")
def test_readers_see_a_push_at_once(server: Server, work: Path) -> None:
    for number in range(10):
        new = commit(work, {"a": str(number)})
        git("push", "-q", "origin", "HEAD:main", cwd=work)
        assert git("ls-remote", server.url, "main", cwd=work).startswith(new)


def test_deny_force(tmp_path: Path) -> None:
    with serving(tmp_path / "strict", GitSettings(deny_force=True)) as server:
        work = clone(server, tmp_path / "clone")
        commit(work, {"a": "1"})
        git("push", "-q", "origin", "HEAD:main", cwd=work)
        git("commit", "-q", "--amend", "-m", "other", cwd=work)
        assert "non-fast-forward" in git("push", "-f", "origin", "HEAD:main", cwd=work, ok=False)

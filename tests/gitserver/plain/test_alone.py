"""What the plain server must bear that `git http-backend` is no measure for."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitserver.plain.find import find
from spaceport.errors import Misconfigured
from tests.gitserver.plain.world import World, ours
from tests.waiting import eventually


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    for name in ("root/x", "place/x"):
        (tmp_path / name).mkdir(parents=True)
    with ours(tmp_path / "root", tmp_path / "cache", hook_seconds=1.0) as url:
        yield World(tmp_path, url, "x")


def status(world: World, path: str) -> int:
    """The status of a path as it stands: no client tidies it up."""
    port = int(world.url.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", "x")
    connection.endheaders()
    answer = connection.getresponse().status
    connection.close()
    return answer


@pytest.mark.req("GIT-31")
def test_nothing_outside_the_root_is_served(world: World, tmp_path: Path) -> None:
    world.make()
    outside = tmp_path / "outside.git"
    shutil.copytree(world.repo, outside)
    (world.root / "link.git").symlink_to(outside)
    (world.root / "inside.git").symlink_to("r.git")
    (world.root / "file").mkdir()
    (world.root / "file/.git").write_text(f"gitdir: {outside}\n")
    service = "info/refs?service=git-upload-pack"
    assert status(world, f"/x/r.git/{service}") == 200
    assert status(world, f"/x/inside/{service}") == 200
    for path in (
        *("/x/link", "/x/link.git", "/x/file", "/x/../../outside", "/../outside", "//x/r.git"),
        *("/x/%2e%2e/%2e%2e/outside", "/x/..%2f..%2foutside", "/x/r.git%00", "/x//r.git"),
        *("/x/./r.git", f"/{outside}", f"/x/{'a' * 300}", "/x/%ff", "/"),
    ):
        assert status(world, f"{path}/{service}") == 404, path
    for path in ("HEAD", "config", "objects/info/packs", "info/refs"):
        assert status(world, f"/x/r.git/{path}") == 403, path


def test_names_are_judged_before_the_disk(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "a.git"], check=True)
    assert find(tmp_path, "a") is not None
    for name in ("", ".", "..", "/a", "a/", "a//b", "./a", "a/../a", "a\0", "x" * 5000):
        assert find(tmp_path, name) is None, name


def test_somebody_elses_repository_needs_trust(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    repo = world.make()
    os.chown(repo, 65534, 65534)
    assert world.run("ls-remote", world.address()).code
    trusting = tmp_path / "trusting"
    trusting.write_text(f"[safe]\n\tdirectory = {repo}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(trusting))
    assert world.run("ls-remote", world.address()).code == 0


@pytest.mark.parametrize("name", ["pre-receive", "post-receive"])
def test_a_hook_that_hangs_is_ended(world: World, name: str, tmp_path: Path) -> None:
    world.make()
    mark = tmp_path / "pid"
    world.hook(name, f"echo begun; sleep 3600 & echo $! >{mark}; wait")
    work = world.clone()
    new = world.commit(work)
    code, _ = world.push(work, "HEAD:main")
    assert f"remote: error: the {name} hook took more than 1 s and was ended" in world.seen[0]
    assert (code == 0) == (name == "post-receive")
    at_last = new if name == "post-receive" else world.git("rev-parse", "HEAD~1", cwd=work)
    assert world.git("rev-parse", "main", cwd=world.repo) == at_last
    eventually(lambda: not _lives(int(mark.read_text())))


def _lives(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def test_a_hook_that_leaves_something_running_holds_nobody_up(world: World, tmp_path: Path) -> None:
    world.make()
    mark = tmp_path / "pid"
    world.hook("post-receive", f"sleep 3600 & echo $! >{mark}; echo done")
    work = world.clone()
    world.commit(work)
    assert world.push(work, "HEAD:main")[0] == 0
    assert world.seen == [["remote: done"]]
    os.kill(int(mark.read_text()), signal.SIGKILL)


@pytest.mark.req("GIT-01")
def test_pushes_race_with_plain_git(world: World) -> None:
    """Clients over HTTP and `git commit-tree; git update-ref` on the spot move one branch: whoever
    is told that it worked is in the history, and git finds nothing wrong."""
    repo = world.make(commits=3)
    works = [world.clone("r.git", f"w{number}") for number in range(3)]
    won: list[str] = []

    def push(work: Path) -> None:
        for number in range(6):
            new = world.commit(work, f"{work.name}-{number}")
            if world.run("push", "-q", "origin", "HEAD:main", cwd=work).code == 0:
                won.append(new)
            world.git("pull", "-q", "--rebase", "origin", "main", cwd=work)

    def write() -> None:
        tree = world.git("rev-parse", "main^{tree}", cwd=repo)
        for number in range(25):
            old = world.git("rev-parse", "main", cwd=repo)
            new = world.git("commit-tree", "-p", old, "-m", f"local {number}", tree, cwd=repo)
            if world.run("update-ref", "refs/heads/main", new, old, cwd=repo).code == 0:
                won.append(new)
            if number % 8 == 0:
                world.run("pack-refs", "--all", cwd=repo)

    threads = [threading.Thread(target=push, args=(work,)) for work in works]
    threads.append(threading.Thread(target=write))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    history = set(world.git("rev-list", "main", cwd=repo).split())
    assert set(won) <= history
    assert len(won) > 5
    assert world.sound() == ""
    assert not list(repo.rglob("*.lock"))


POINTS = {
    "plain:before-ref": ["HEAD:main"],
    "plain:before-unlink": ["--atomic", "HEAD:main", ":side", "HEAD:refs/heads/new"],
    "plain:after-unlink": ["--atomic", "HEAD:main", ":side", "HEAD:refs/heads/new"],
    "plain:after-packed": ["--atomic", "HEAD:main", ":side", "HEAD:refs/heads/new"],
}


@pytest.mark.req("GIT-04")
@pytest.mark.parametrize("point", POINTS)
def test_killed_in_the_middle_of_a_push(world: World, point: str) -> None:
    """Old refs or new ones, all of them, and the next push is not held up by what is left."""
    repo = world.make(commits=4)
    world.git("branch", "side", "main~1", cwd=repo)
    before = world.refs()
    work = world.clone()
    new = world.commit(work)
    with program(world, SPACEPORT_FAILPOINTS=f"{point}=exit") as (url, process):
        world.git("remote", "set-url", "--push", "origin", f"{url}r", cwd=work)
        assert world.push(work, *POINTS[point])[0]
        assert process.wait(30) == 137
    done = sorted(line.split()[2] for line in world.refs()[:-1])
    assert (world.refs() == before) == (new not in str(world.refs()))
    if world.refs() != before:
        assert done == (["refs/heads/main", "refs/heads/new"] if len(POINTS[point]) > 1 else done)
    assert world.sound() == ""
    world.git("remote", "set-url", "--push", "origin", world.address(), cwd=work)
    again = world.commit(work, "again")
    assert world.push(work, "HEAD:main")[0] == 0
    assert world.git("rev-parse", "main", cwd=repo) == again
    assert not list((repo / "objects").glob("tmp_*"))


def test_what_is_not_there_is_refused(world: World) -> None:
    repo = world.make()
    world.git("init", "-q", "--bare", "--object-format=sha256", str(world.root / "new.git"))
    told = world.run("ls-remote", world.address("new.git"))
    assert told.code and "object format sha256 are not served" in told.err
    world.config(**{"receive.procReceiveRefs": "refs/for"})
    work = world.clone()
    told = world.push(work, "HEAD:refs/for/main", "HEAD:refs/heads/n")
    assert "proc-receive hooks are not run" in str(told)
    assert [line.split()[2] for line in world.refs(repo)[:-1]] == [
        "refs/heads/main",
        "refs/heads/n",
    ]


@contextmanager
def program(world: World, **more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The plain server as a process of its own on the same repositories."""
    code = (
        "import sys; from pathlib import Path; from gitserver.plain.serve import run;"
        "run(Path(sys.argv[1]), '127.0.0.1', 0, lambda text: print(text, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(world.root)],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(world.root.parent), **more},
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1], process
    finally:
        process.kill()
        process.communicate()


def test_readers_while_git_repacks(world: World) -> None:
    repo = world.make(commits=30)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            tree = world.git("rev-parse", "main^{tree}", cwd=repo)
            new = world.git("commit-tree", "-p", "main", "-m", f"n{number}", tree, cwd=repo)
            world.git("update-ref", "refs/heads/main", new, cwd=repo)
            world.git("repack", "-q", "-a", "-d", cwd=repo)
            world.git("pack-refs", "--all", "--prune", cwd=repo)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(8):
            copy = world.clone("r.git", f"c{number}")
            assert world.sound(copy) == ""
    finally:
        stop.set()
        thread.join(30)


def test_the_command(tmp_path: Path) -> None:
    """`spaceport git serve` as people run it, and how it ends."""
    root = tmp_path / "root"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", root / "a.git"], check=True)
    program = [sys.executable, "-c", "from hub.cli.app import main; main()", "git", "serve"]
    process = subprocess.Popen(
        [*program, "--root", root, "--http", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        subprocess.run(["git", "ls-remote", f"{url}a"], check=True)
    finally:
        process.terminate()
        process.wait(30)
        process.communicate()
    assert process.returncode == 0
    wrong = subprocess.run([*program, "--root", tmp_path / "no"], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert "is no folder" in wrong.stderr


def test_an_address_that_is_taken(world: World, tmp_path: Path) -> None:
    from gitserver.plain.serve import run

    port = int(world.url.rsplit(":", 1)[1])
    with pytest.raises(Misconfigured, match="cannot be served"):
        run(tmp_path, "127.0.0.1", port, print)

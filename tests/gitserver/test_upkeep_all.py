"""`spaceport gc` on repositories: beside pushes and clones, and killed again and again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gitserver.upkeep import LEAST_GRACE
from gitserver.upkeep_all import Tally, keep_all
from tests.gitserver.writing import KEY, Server, clone, commit, fsck, git

OLD = time.time() - 30 * 24 * 3600


def age(repository: Path) -> None:
    """Make everything in the repository look as if it were a month old."""
    for path in (repository / "objects").rglob("*"):
        try:
            if path.is_file() and not path.name.startswith("tmp_"):
                os.utime(path, (OLD, OLD))
        except FileNotFoundError:
            continue


def keep(server: Server, tmp_path: Path) -> Tally:
    return keep_all(server.repositories, tmp_path / "cache", grace=LEAST_GRACE)


@pytest.mark.req("GIT-36")
def test_it_runs_beside_pushes_and_clones(server: Server, work: Path, tmp_path: Path) -> None:
    """Branches are pushed, forced and deleted, so that there is always something to drop."""
    git("push", "-q", "origin", "HEAD:refs/heads/stays", cwd=work)
    stop = threading.Event()
    troubles: list[str] = []
    tallies: list[Tally] = []

    def push() -> None:
        for number in range(12):
            commit(work, {f"f{number % 3}": "x" * 2000 + str(number)})
            git("push", "-q", "origin", "HEAD:main", f"+HEAD:refs/heads/t{number % 2}", cwd=work)
            git("commit", "-q", "--amend", "-m", f"again {number}", cwd=work)
            git("push", "-q", "-f", "origin", "HEAD:main", cwd=work)
            if number % 4 == 3:
                git("push", "-q", "origin", ":t0", ":t1", cwd=work)

    def read() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            copy = tmp_path / f"copy{number}"
            # A branch that is forced away between the two requests of a clone is no fault of ours.
            git("clone", "-q", "--single-branch", "-b", "stays", server.url, copy, cwd=tmp_path)
            troubles.append(fsck(copy))

    def maintain() -> None:
        while not stop.is_set():
            age(server.repository)
            tallies.append(keep(server, tmp_path))

    others = [threading.Thread(target=read), threading.Thread(target=maintain)]
    for thread in others:
        thread.start()
    try:
        push()
    finally:
        stop.set()
        for thread in others:
            thread.join(60)
    assert server.head == git("rev-parse", "HEAD", cwd=work)
    assert tallies
    assert not any(tally.failed for tally in tallies)
    assert troubles
    assert not any(troubles)
    age(server.repository)
    last = keep(server, tmp_path)
    assert last.dropped + sum(tally.dropped for tally in tallies) == 12  # one for each amendment
    assert last.packs_after <= 2
    assert fsck(server.repository) == ""
    assert git("rev-list", "--all", "--count", cwd=clone(server, tmp_path / "last"))


@pytest.mark.req("GIT-36")
def test_killed_again_and_again_it_loses_nothing(
    server: Server, work: Path, tmp_path: Path
) -> None:
    for number in range(6):
        commit(work, {"f": str(number) * 5000})
        git("push", "-q", "origin", "HEAD:main", f"HEAD:refs/heads/b{number}", cwd=work)
    git("push", "-q", "origin", *(f":b{number}" for number in range(6)), cwd=work)
    expected = git("rev-list", "--objects", "main", cwd=server.repository)
    code = (
        "import sys; from pathlib import Path; from config.git import GitSettings;"
        "from gitserver.repositories import Repositories;"
        "from gitserver.upkeep_all import keep_all;"
        "store = Repositories(Path(sys.argv[1]), GitSettings()); print('begun', flush=True);"
        "[keep_all(store, Path(sys.argv[2])) for _ in range(10**6)]"
    )
    dice = random.Random(7)
    for _ in range(6):
        age(server.repository)
        process = subprocess.Popen(
            [sys.executable, "-c", code, server.repositories.root, tmp_path / "cache"],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(dice.random() / 10)  # killed at some moment of its work
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        assert git("rev-list", "--objects", "main", cwd=server.repository) == expected
        assert fsck(server.repository) == ""
    assert keep(server, tmp_path).repositories == 1
    assert fsck(clone(server, tmp_path / "copy")) == ""


def test_a_damaged_repository_does_not_stop_the_others(server: Server, tmp_path: Path) -> None:
    other = "b" * 24
    source = server.repository
    target = server.repositories.path(other)
    target.parent.mkdir()
    subprocess.run(["cp", "-r", source, target], check=True)
    (target / "HEAD").write_text("nonsense\n")
    tally = keep(server, tmp_path)
    assert tally.failed == (other,)
    assert tally.repositories == 2
    assert server.repositories.exists(KEY)

"""Many pushers at once: who is told `ok` finds the commit in the history, and nobody else does."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spaceport.push import MAIN
from tests.gitserver import packs
from tests.gitserver.writing import (
    Server,
    clone,
    fsck,
    git,
    left_behind,
    post,
    push_body,
)
from tests.waiting import eventually

CLIENTS, ROUNDS = 6, 8
PUSHES, WRITERS = 1_000, 4


def _try(work: Path, name: str) -> tuple[str, bool]:
    """One client's round: fetch, commit on top, push once."""
    git("fetch", "-q", "origin", cwd=work)
    git("reset", "-q", "--hard", "origin/main", cwd=work)
    (work / name).write_text(name)
    git("add", "-A", cwd=work)
    git("commit", "-q", "-m", name, cwd=work)
    new = git("rev-parse", "HEAD", cwd=work)
    pushed = subprocess.run(
        ["git", "push", "-q", "origin", "HEAD:main"], cwd=work, capture_output=True
    )
    return new, pushed.returncode == 0


@pytest.mark.req("GIT-01")
def test_racing_clients(server: Server, tmp_path: Path) -> None:
    works = [clone(server, tmp_path / f"client{n}") for n in range(CLIENTS)]
    told_ok: set[str] = set()
    told_no: set[str] = set()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(ROUNDS):
            names = [f"{number}-{client}" for client in range(CLIENTS)]
            for new, won in pool.map(_try, works, names):
                (told_ok if won else told_no).add(new)
    history = set(git("rev-list", "main", cwd=server.repository).split())
    assert told_ok <= history
    assert not told_no & history
    assert len(told_ok) >= ROUNDS
    assert fsck(server.repository) == ""


@pytest.mark.req("GIT-01")
@pytest.mark.req("GIT-02")
def test_a_thousand_small_pushes(server: Server) -> None:
    """By hand, as fast as the server takes them, on a branch for each writer and one for all."""

    def write(writer: int) -> list[tuple[str, str, str]]:
        done, old = [], "0" * 40
        own = f"refs/heads/w{writer}"
        for number in range(PUSHES // WRITERS // 2):
            file = packs.blob(f"{writer} {number}\n".encode())
            tree = packs.tree(("100644", b"f", packs.oid(file)))
            parents = [old] if number else []
            tip = packs.commit(packs.oid(tree), parents)
            new, head = packs.oid(tip), server.head
            ours = packs.commit(packs.oid(tree), [head])
            commands = [(old, new, own)]
            lines = post(server, push_body(commands, packs.pack(tip, tree, file))).lines
            assert lines == ["unpack ok", f"ok {own}"], lines
            done.append((new, own, "ok"))
            shared = push_body([(head, packs.oid(ours), MAIN)], packs.pack(ours, tree, file))
            line = post(server, shared).lines[1]
            assert line in (f"ok {MAIN}", f"ng {MAIN} stale info"), line
            done.append((packs.oid(ours), MAIN, line[:2]))
            old = new
        return done

    with ThreadPoolExecutor(WRITERS) as pool:
        fates = [fate for done in pool.map(write, range(WRITERS)) for fate in done]
    histories = {
        ref: set(git("rev-list", ref, cwd=server.repository).split()) for ref in server.refs()
    }
    assert len(fates) == PUSHES
    for oid, ref, said in fates:
        assert (oid in histories[ref]) == (said == "ok"), (oid, ref, said)
    assert sum(said == "ok" for _, ref, said in fates if ref == MAIN) > 0
    assert fsck(server.repository) == ""
    eventually(lambda: not left_behind(server))

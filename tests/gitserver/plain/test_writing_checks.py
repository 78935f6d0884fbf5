"""Which pushed objects both servers find sound, as `fsckObjects` and its exceptions say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.gitserver.plain.world import Same, World


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

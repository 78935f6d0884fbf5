"""What reaches the disk in which order, as the system calls of a real server tell (DUR-12)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.git import GitSettings
from gitserver.repositories import Repositories
from spaceport.push import MAIN
from tests.gitserver import packs
from tests.gitserver.test_crash import Crashing
from tests.gitserver.writing import ANN, KEY, post, push_body
from tests.waiting import eventually

STEP = re.compile(
    r'(fsync)\(\d+<([^>]+)>\)|(rename)\w*\(.*?"([^"]+)", (?:AT_FDCWD<[^>]*>, )?"([^"]+)"'
)


def steps(trace: str, root: Path) -> list[str]:
    """`fsync WHAT` and `rename TO`, with what is random in names left out."""
    found = []
    for match in STEP.finditer(trace):
        text = f"fsync {match[2]}" if match[1] else f"rename {match[5]}"
        text = text.replace(f"{root}/", "").replace(f"{KEY[:2]}/{KEY}.git", "repo")
        text = re.sub(r"incoming/[0-9a-f-]+", "incoming", text)
        found.append(re.sub(r"pack-[0-9a-f]{40}", "pack-X", text))
    return found


@pytest.mark.req("DUR-12")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_data_then_folder_then_refs_then_the_answer(tmp_path: Path) -> None:
    root, port, log = tmp_path / "r", tmp_path / "port", tmp_path / "trace"
    repositories = Repositories(root, GitSettings())
    head = repositories.create(KEY, {"README.md": b"# x\n"}, ANN)
    file = packs.blob(b"x")
    tree = packs.tree(("100644", b"f", packs.oid(file)))
    tip = packs.commit(packs.oid(tree), [head])
    traced = "trace=fsync,rename,renameat,renameat2,sendto,write"
    server = [sys.executable, "-m", "tests.gitserver.serve", str(root), str(port)]
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-s", "300", "-e", traced, "-o", str(log), *server],
        stderr=subprocess.DEVNULL,
    )
    try:
        number = int(eventually(lambda: port.exists() and port.read_text(), 60))
        body = push_body([(head, packs.oid(tip), MAIN)], packs.pack(tip, tree, file))
        assert post(Crashing(number, tracer), body).lines[1] == f"ok {MAIN}"
    finally:
        children = Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read_text().split()
        for child in children:  # strace ends with what it traces, and not before
            os.kill(int(child), signal.SIGKILL)
        tracer.wait(20)
    text = log.read_text(errors="replace")
    before, _, _ = text.partition("unpack ok")
    assert steps(before, root)[-9:] == [
        "fsync incoming/received",
        "rename incoming/pack/pack-X.pack",
        "fsync incoming/pack/pack-X.idx",
        "rename repo/objects/pack/pack-X.pack",
        "rename repo/objects/pack/pack-X.idx",
        "fsync repo/objects/pack",
        "fsync repo/packed-refs.lock",
        "rename repo/packed-refs",
        "fsync repo",
    ]

"""The child that is started ahead: used once, replaced, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from config.git import GitSettings
from gitserver.building import NewObjects
from gitserver.receive.child import make_job
from gitserver.receive.examiner import Examiner
from gitserver.receive.job import Result
from gitserver.receive.quarantine import open_quarantine
from gitserver.receive.rules import FsckRules
from tests.gitserver.writing import ANN
from tests.waiting import eventually


async def examine(examiner: Examiner, folder: Path) -> Result:
    """The verdict on a pack with one commit."""
    objects = NewObjects()
    tip = objects.commit(objects.nested_tree({}), (), ANN, "one")
    quarantine = open_quarantine(folder, "x")
    made = folder / "made"
    made.mkdir()
    objects.write_pack(made)
    next(made.glob("*.pack")).rename(quarantine.pack)
    try:
        job = make_job(quarantine, (), (tip,), GitSettings(), FsckRules())
        return await examiner.examine(job, quarantine.mark, 30.0)
    finally:
        quarantine.discard()
        for file in made.iterdir():
            file.unlink()
        made.rmdir()


def waiting() -> list[int]:
    """Processes below this one that wait for a pack."""
    found = []
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    for pid in children:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if command.endswith(b"gitserver.receive.examine\0"):
            found.append(int(pid))
    return found


def over(pid: int) -> bool:
    """Whether a process has ended, also when nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_one_child_waits_and_goes_with_the_server(tmp_path: Path) -> None:
    examiner = Examiner(children=2)
    before = set(waiting())
    assert (await examine(examiner, tmp_path)).objects == 2
    await asyncio.to_thread(eventually, lambda: len(set(waiting()) - before) == 1)
    (spare,) = set(waiting()) - before
    assert (await examine(examiner, tmp_path)).error == ""
    assert spare not in waiting()  # one child, one pack
    await examiner.close()
    assert set(waiting()) == before


async def test_a_child_that_died_waiting_is_replaced(tmp_path: Path) -> None:
    examiner = Examiner(children=2)
    before = set(waiting())
    await examine(examiner, tmp_path)
    await asyncio.to_thread(eventually, lambda: len(set(waiting()) - before) == 1)
    (spare,) = set(waiting()) - before
    os.kill(spare, signal.SIGKILL)
    await asyncio.to_thread(eventually, lambda: over(spare))
    assert (await examine(examiner, tmp_path)).error == ""
    await examiner.close()
    assert set(waiting()) == before

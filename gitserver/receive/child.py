"""Children: processes of our own for what is dangerous or long, and what to make of their end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from pathlib import Path

import gitserver
from config.git import GitSettings
from gitserver.receive.job import Job
from gitserver.receive.quarantine import Quarantine
from gitserver.receive.rules import FsckRules

_log = logging.getLogger(__name__)
ROOT = str(Path(gitserver.__file__).parent.parent)
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
PROGRAM = (
    "import importlib, sys; sys.path.insert(0, sys.argv[1]); "
    "importlib.import_module(sys.argv[2]).main()"
)


def make_job(
    quarantine: Quarantine,
    objects: tuple[Path, ...],
    tips: tuple[str, ...],
    settings: GitSettings,
    fsck: FsckRules,
) -> Job:
    """The job for the pack received into `quarantine`."""
    push, check = settings.push, settings.check
    return Job(
        pack=str(quarantine.pack),
        quarantine=str(quarantine.folder),
        objects=tuple(map(str, objects)),
        tips=tips,
        max_objects=push.objects,
        max_inflated=push.inflated_bytes,
        max_object=push.object_bytes,
        max_metadata=push.metadata_bytes,
        max_ratio=push.inflate_ratio,
        max_depth=push.delta_depth,
        max_path=push.path_bytes,
        max_folders=push.tree_depth,
        max_symlink=push.symlink_bytes,
        memory=check.memory,
        cpu=check.cpu,
        keep=check.base_cache,
        fsck=fsck.on,
        levels=dict(fsck.levels),
        skip=tuple(fsck.skip),
    )


def command(module: str) -> tuple[str, ...]:
    """What runs `main` of a module of ours, with the standard library and nothing else."""
    return (sys.executable, "-I", "-S", "-c", PROGRAM, ROOT, module)


async def run_child(module: str, task: str, wall: float) -> tuple[int, bytes, bytes]:
    """Run `main` of a module of ours in a process of its own, `task` on its standard input.

    Gives its status, output and errors. It is killed when we are cancelled, and after `wall`
    seconds; then raises `TimeoutError`.
    """
    child = await asyncio.create_subprocess_exec(
        *command(module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
    )
    try:
        async with asyncio.timeout(wall):
            answer, errors = await child.communicate(task.encode())
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return child.returncode or 0, answer, errors


async def join_packs(objects: Path, incoming: Path, key: str, settings: GitSettings) -> int:
    """Let a child join the small packs of a repository; how many went (see `maintenance`)."""
    check = settings.check
    task = {"objects": str(objects), "incoming": str(incoming), "key": key, "memory": check.memory}
    status, answer, errors = await run_child("gitserver.maintenance", json.dumps(task), check.wall)
    if status:
        _log.error("joining packs of %s failed: %s", key, errors[-2000:].decode("utf-8", "replace"))
        return 0
    return int(answer)

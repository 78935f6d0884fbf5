"""The child that copies a repository (`copying`): starting it, and what its end means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from config.git import GitSettings
from gitserver.receive.child import PROGRAM, ROOT
from spaceport.errors import NotFound, Unavailable


class CopyFailed(Unavailable):
    """Raised when the source cannot be read; nothing was made."""


def run_copy(source: Path, draft: Path, mark: int | None, settings: GitSettings) -> frozenset[str]:
    """Let a child fill the draft; blocks. `mark` is the draft's descriptor: the child holds it too,
    so that nobody sweeps the draft away while it writes there. Gives the ids of the large objects
    that the copied history names.

    Raises `NotFound` when the source goes, `Unavailable`, or `CopyFailed`.
    """
    check = settings.check
    task = {
        "source": str(source),
        "draft": str(draft),
        "wait": settings.lock_wait,
        "memory": check.memory,
    }
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-c", PROGRAM, ROOT, "gitserver.copying"],
            input=json.dumps(task).encode(),
            capture_output=True,
            timeout=check.wall,
            pass_fds=() if mark is None else (mark,),
            env={"LC_ALL": "C.UTF-8", **_failpoints()},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CopyFailed(
            f"Copying the history took more than {check.wall:g} seconds and was given up.",
            hint="Clone the Space and push it to a new one.",
        ) from None
    answer = json.loads(ran.stdout) if ran.returncode == 0 else {"outcome": ""}
    outcome = answer["outcome"]
    if outcome == "copied":
        return frozenset(answer["named"])
    if outcome == "gone":
        raise NotFound("The Space that was to be copied is gone.")
    if outcome == "busy":
        raise Unavailable("The repository is being tidied right now.", hint="Try again.")
    raise CopyFailed(
        "The history could not be copied: " + (outcome or _last(ran.stderr) or "no reason given"),
        hint="The server's operator can check the repository with: git fsck",
    )


def _last(errors: bytes) -> str:
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def _failpoints() -> dict[str, str]:
    armed = os.environ.get("SPACEPORT_FAILPOINTS")
    return {"SPACEPORT_FAILPOINTS": armed} if armed else {}

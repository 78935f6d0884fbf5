"""Where the parts of a repository lie: a linked worktree has a HEAD of its own and borrows the
rest (gitrepository-layout(5), `commondir`)."""

from __future__ import annotations

import os
from pathlib import Path


def common_of(git_dir: Path) -> Path:
    """The folder that has the refs and objects of the repository whose HEAD is in `git_dir`."""
    try:
        with open(f"{git_dir}/commondir", "rb") as file:  # noqa: PTH123 - asked at every request
            text = os.fsdecode(file.read(4096)).strip()
    except OSError:
        return git_dir
    return Path(os.path.normpath(git_dir / text))

"""From a path in an address to a repository on disk, as git's `enter_repo` finds it.

`a/b` may be the folder `a/b/.git`, `a/b` itself, `a/b.git/.git` or `a/b.git`; a file `.git` leads
elsewhere (submodules, worktrees). Nothing that lies outside the root is served, whichever way a
path, a link or such a file leads there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gitserver.layout import common_of

_SUFFIXES = ("/.git", "", ".git/.git", ".git")
_MAX_GITFILE = 4096
_MAX_PATH = 4096


@dataclass(frozen=True)
class Found:
    """A repository. For a linked worktree `git_dir` has its HEAD and `common` all the rest."""

    git_dir: Path
    common: Path


def find(root: Path, name: str) -> Found | None:
    """The repository that `name` (below `root`, which is real and absolute) means, or None."""
    parts = name.split("/")
    if not name or len(name) > _MAX_PATH or "\0" in name:
        return None
    if any(part in ("", ".", "..") for part in parts):
        return None
    for suffix in _SUFFIXES:
        path = Path(f"{root}/{name}{suffix}")
        try:
            found = _at(root, path)
        except OSError:  # a name that is too long, a loop of links, a folder we may not enter
            continue
        if found is not None:
            return found
    return None


def _at(root: Path, path: Path) -> Found | None:
    git_dir = path.resolve(strict=True)
    if git_dir.is_file():
        leads = _leads_to(git_dir)
        if leads is None:
            return None
        git_dir = leads.resolve(strict=True)
    if not git_dir.is_dir():
        return None
    common = common_of(git_dir).resolve(strict=True)
    if not all(place == root or root in place.parents for place in (git_dir, common)):
        return None
    return Found(git_dir, common) if _is_repository(git_dir, common) else None


def _leads_to(file: Path) -> Path | None:
    text = os.fsdecode(file.read_bytes()[:_MAX_GITFILE])
    if not text.startswith("gitdir: "):
        return None
    return file.parent / text.removeprefix("gitdir: ").rstrip("\r\n")


def _is_repository(git_dir: Path, common: Path) -> bool:
    head = git_dir / "HEAD"
    return (
        (head.is_file() or head.is_symlink())
        and (common / "objects").is_dir()
        and (common / "refs").is_dir()
    )


def owned_by_us(found: Found) -> bool:
    """Whether the repository is of the user that serves it (git's `safe.directory`): whoever may
    write its `config` and `hooks` decides what we do."""
    uids = {os.geteuid()}
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():
        uids.add(int(os.environ["SUDO_UID"]))
    return all(place.stat().st_uid in uids for place in {found.git_dir, found.common})

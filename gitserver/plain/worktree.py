"""Working trees beside a repository: which branches they have checked out, and bringing one up to
date with a push (`receive.denyCurrentBranch=updateInstead`), for which git itself is asked."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from gitserver.plain.find import Found
from gitserver.plain.hook_files import HookFiles
from spaceport.push import ZERO

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_SECONDS = 600


@dataclass(frozen=True)
class Checkout:
    """A HEAD that names a branch: `folder` has it, `tree` is the working tree, None for none."""

    folder: Path
    branch: str
    tree: Path | None


def checkouts(found: Found, main: Path | None) -> list[Checkout]:
    """Every HEAD of the repository, the main one first; `main`: its working tree, if any."""
    heads = [Checkout(found.common, _branch(found.common), main)]
    folders = found.common / "worktrees"
    if folders.is_dir():
        for folder in sorted(folders.iterdir()):
            try:
                tree = Path((folder / "gitdir").read_text().strip()).parent
            except OSError:
                continue
            heads.append(Checkout(folder, _branch(folder), tree))
    return heads


def _branch(folder: Path) -> str:
    try:
        text = (folder / "HEAD").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    return text.removeprefix("ref: ").strip() if text.startswith("ref: ") else ""


def update_tree(checkout: Checkout, old: str, new: str, hooks: HookFiles) -> str:
    """Put the working tree to `new`; gives why not, in git's words."""
    if checkout.tree is None:
        return "denyCurrentBranch = updateInstead needs a worktree"
    where = {"GIT_DIR": str(checkout.folder.absolute()), "GIT_WORK_TREE": str(checkout.tree)}
    if hooks.has("push-to-checkout"):
        done = hooks.run("push-to-checkout", [new], more=where, folder=checkout.tree)
        return "" if done else "push-to-checkout hook declined"
    base = "HEAD" if old != ZERO else _EMPTY_TREE
    for command, trouble in (
        (["update-index", "-q", "--ignore-submodules", "--refresh"], "Up-to-date check failed"),
        (
            ["diff-files", "--quiet", "--ignore-submodules", "--"],
            "Working directory has unstaged changes",
        ),
        (
            ["diff-index", "--quiet", "--cached", "--ignore-submodules", base, "--"],
            "Working directory has staged changes",
        ),
        (["read-tree", "-u", "-m", new], "Could not update working tree to new HEAD"),
    ):
        if not _git(command, checkout.tree, where):
            return trouble
    return ""


def _git(command: list[str], folder: Path, where: dict[str, str]) -> bool:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *command],
            cwd=folder,
            env=inherited | where,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

"""Files above the limit must go through git-lfs (spaces-behaviour 11.8)."""

from __future__ import annotations

import shlex

from hooks.checks.verdict import FINE, SHOWN, Verdict, human, refuse_all, shown
from hooks.incoming import Brought, NewFile
from spaceport.push import Push


def check_large_files(push: Push, new: Brought, limit: int) -> Verdict:
    """Refuse files of more than `limit` bytes, naming them and the commands that mend it."""
    large = {file.path: file for file in new.files if file.size > limit}
    if not large:
        return FINE
    files = sorted(large.values(), key=lambda file: (-file.size, file.path))
    text = "\n".join(
        [
            f"These files are larger than {human(limit)}; such files go through git-lfs:",
            *(f"  {shown(file.path)} ({human(file.size)})" for file in files[:SHOWN]),
            *([f"  ... and {len(files) - SHOWN} more"] if len(files) > SHOWN else []),
            "To mend it, also in the commits that hold them already:",
            "  git lfs install",
            f"  git lfs migrate import --include={shlex.quote(_include(files))}{_range(push)}",
            "  git push",
        ]
    )
    return refuse_all(push, f"files larger than {human(limit)} must use git-lfs", text)


def _include(files: list[NewFile]) -> str:
    """A list of patterns as `git lfs migrate` takes it; special characters match any character."""
    paths = [shown(file.path) for file in files[:SHOWN]]
    return ",".join("".join("?" if char in ',[]*!\\ "' else char for char in path)
                    for path in paths)  # fmt: skip


def _range(push: Push) -> str:
    """What is rewritten: for one branch git-lfs's own choice, the commits that are not pushed yet;
    named, a branch would be rewritten from its very first commit."""
    branches = [
        update.ref.removeprefix("refs/heads/")
        for update in push.updates
        if update.ref.startswith("refs/heads/") and not update.deleted
    ]
    if len(branches) < 2:
        return ""
    return "".join(f" --include-ref={shlex.quote(shown(branch))}" for branch in branches[:3])

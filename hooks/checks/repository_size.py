"""The ceiling for git data of one Space (spaces-behaviour 11.16)."""

from __future__ import annotations

from hooks.checks.verdict import FINE, Verdict, human, refuse_all
from spaceport.push import Push


def check_repository_size(push: Push, present: int, more: int, limit: int) -> Verdict:
    """Refuse what would make the repository larger than `limit` bytes; 0 is no limit."""
    if not limit or present + more <= limit or all(update.deleted for update in push.updates):
        return FINE
    text = (
        f"The repository would hold {human(present + more)} of git data; {human(limit)} are "
        "allowed.\nMove large files to git-lfs (git lfs migrate import --everything "
        "--above=1MB), or remove them from the history, then push again."
    )
    if not push.reach.branches:
        text += "\nThe rest of the room is for who may write to this Space."
    return refuse_all(push, "the repository would become too large", text)

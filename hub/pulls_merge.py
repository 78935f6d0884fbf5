"""One attempt at merging a pull request: read, merge, and move both refs or neither."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from gitserver.building import NewObjects, Signature
from gitserver.commit import CommitRefused, Commits
from gitserver.merging import merge
from gitserver.objects.parting import TooFar
from gitserver.receive.conclude import Pusher
from gitserver.receive.report import Report
from hub.context import HubContext
from spaceport.errors import Conflict
from spaceport.ledger.discussions import Discussion, Status
from spaceport.push import MAIN, RefUpdate

MERGE_SECONDS = 10.0
_STALE = "stale info"


class MergeConflicts(Conflict):
    """Raised when both sides changed the same places of `files`."""

    def __init__(self, number: int, files: Sequence[str]) -> None:
        shown = ", ".join(files[:20]) + (" ..." if len(files) > 20 else "")
        super().__init__(
            f"Pull request {number} cannot be merged: it conflicts in {shown}.",
            hint=f"Merge the branch into refs/pr/{number} with git, mend these files, and push.",
        )
        self.files = tuple(files)


@dataclass(frozen=True)
class Merging:
    """What is to be merged, and how the commit is signed and called."""

    context: HubContext
    commits: Commits
    found: Discussion
    author: Signature
    message: str = ""

    async def attempt(self, pusher: Pusher, seen: str | None) -> str | None:
        """The commit by which the base has it now; None when a ref moved meanwhile.

        `seen`: where its ref must be. The ref is compared in the step that moves the base: nothing
        is merged that came a moment later.
        """
        found = self.found
        _check_open(found)
        run = self.context.pools.run
        refs = await run("git", self.context.content.refs, found.space_key)
        base, head = refs.get(found.base or ""), refs.get(found.ref)
        if base is None or head is None:
            gone = found.base if base is None else found.ref
            raise Conflict(f"{gone} is not there any more.", hint="Open another pull request.")
        if seen is not None and head != seen:
            raise moved(found.number)
        new = NewObjects()
        commit = await run("git", self._make, base, head, new)
        if commit is None:  # the base has all of it
            return base
        updates = [RefUpdate(found.base or MAIN, base, commit), RefUpdate(found.ref, head, head)]
        report = await self.commits.publish_all(found.space_key, pusher, updates, new)
        if _STALE in report.refs.values():
            return None
        require(report)
        return commit

    def _make(self, base: str, head: str, new: NewObjects) -> str | None:
        """Blocks."""
        number = self.found.number
        deadline = time.monotonic() + MERGE_SECONDS
        with self.context.content.opened(self.found.space_key) as objects:
            try:
                made = merge(objects, new, base, head, deadline)
            except TooFar as error:
                hint = f"Merge refs/pr/{number} with git, and push."
                raise Conflict(str(error), hint=hint) from None
        if made.conflicts:
            raise MergeConflicts(number, made.conflicts)
        if made.nothing or made.tree is None:
            return None
        message = self.message.strip() or f"{self.found.title} (#{number})"
        return new.commit(made.tree, (base, head), self.author, message)


def require(report: Report) -> None:
    """Raise what the report says against it."""
    reasons = [reason for reason in report.refs.values() if reason]
    if report.unpack == "ok" and not reasons:
        return
    if _STALE in reasons:
        raise Conflict("Somebody else was faster.", hint="Look again.")
    said = reasons[0] if report.unpack == "ok" else report.unpack
    raise CommitRefused("\n".join([said, *report.messages]))


def moved(number: int) -> Conflict:
    text = f"Pull request {number} was changed since you looked at it."
    return Conflict(text, hint="Look again.")


def _check_open(found: Discussion) -> None:
    if found.status is Status.DRAFT:
        hint = "Open it, then it can be merged."
        raise Conflict(f"Pull request {found.number} is a draft.", hint=hint)
    if found.status is not Status.OPEN:
        raise Conflict(f"Pull request {found.number} is {found.status}.", hint="Look again.")

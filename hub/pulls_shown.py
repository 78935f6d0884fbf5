"""What a pull request would do, or did: conflicts, differences, commits. Blocks; on pool "git"."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from gitserver.building import NewObjects
from gitserver.content import Content
from gitserver.differences import Difference, difference
from gitserver.history import Commit
from gitserver.merging import merge
from gitserver.objects.parting import TooFar, merge_base, since
from spaceport.errors import Conflict, NotFound
from spaceport.ledger import Ledger, discussion_entries
from spaceport.ledger.discussion_entries import EntryKind
from spaceport.ledger.discussions import Discussion, Status

MOST_COMMITS = 250
_REMEMBERED = 256


@dataclass(frozen=True)
class Outlook:
    """What merging would come to now. `head` and `base` are where the two refs are, None for one
    that is gone; `conflicts` the files that both changed in the same places.

    `nothing`: the base has all of it. `unknown` says why it could not be told.
    """

    head: str | None = None
    base: str | None = None
    conflicts: tuple[str, ...] = ()
    nothing: bool = False
    unknown: str = ""

    @property
    def mergeable(self) -> bool:
        return None not in (self.head, self.base) and not self.conflicts and not self.unknown


class PullsShown:
    """Reads pull requests from repositories."""

    def __init__(self, content: Content, ledger: Ledger) -> None:
        self._content = content
        self._ledger = ledger
        self._outlooks: OrderedDict[tuple[str, str, str], Outlook] = OrderedDict()

    def outlook(self, found: Discussion) -> Outlook:
        """Of one under way; remembered as long as neither ref moves."""
        refs = self._content.refs(found.space_key)
        head, base = refs.get(found.ref), refs.get(found.base or "")
        if head is None or base is None:
            return Outlook(head, base)
        key = (found.space_key, head, base)
        known = self._outlooks.get(key)
        if known is None:
            known = self._outlooks[key] = self._look(found, head, base)
            while len(self._outlooks) > _REMEMBERED:
                self._outlooks.popitem(last=False)
        return known

    def difference(self, found: Discussion) -> Difference:
        """What it changes since its history and the base's parted. Raises `TooLarge`."""
        span = self._span(found)
        if span is None:
            return Difference(())
        try:
            old = self._merge_base(found, span)
        except TooFar:
            return Difference((), complete=False)
        return difference(self._content, found.space_key, old, span[1].hex())

    def parted(self, found: Discussion) -> str | None:
        """Where its history and the base's parted; None where they never met.

        Raises `Conflict` when that cannot be told in time.
        """
        span = self._span(found)
        try:
            return None if span is None else self._merge_base(found, span)
        except TooFar as error:
            raise Conflict(str(error), hint="Use git for it.") from None

    def commits(self, found: Discussion) -> list[Commit]:
        """What it adds to its base, the latest first; the latest 250."""
        span = self._span(found)
        if span is None:
            return []
        with self._content.opened(found.space_key) as objects:
            try:
                return since(objects, span[1], [span[0]], self._deadline())[:MOST_COMMITS]
            except TooFar:
                return []

    def _merge_base(self, found: Discussion, span: tuple[bytes, bytes]) -> str | None:
        with self._content.opened(found.space_key) as objects:
            old = merge_base(objects, *span, self._deadline())
        return None if old is None else old.hex()

    def _look(self, found: Discussion, head: str, base: str) -> Outlook:
        with self._content.opened(found.space_key) as objects:
            try:
                made = merge(objects, NewObjects(), base, head, self._deadline())
            except TooFar as error:
                return Outlook(head, base, unknown=str(error))
        return Outlook(head, base, made.conflicts, made.nothing)

    def _span(self, found: Discussion) -> tuple[bytes, bytes] | None:
        """A commit of the base before the merge, and the head; None when either is gone."""
        refs = self._content.refs(found.space_key)
        head, base = refs.get(found.ref, found.head), refs.get(found.base or "")
        try:
            if found.status is Status.MERGED:
                head, base = found.head, self._before(found)
            elif head is not None:
                self._content.resolve(found.space_key, head)
        except NotFound:
            return None
        if head is None or base is None:
            return None
        return bytes.fromhex(base), bytes.fromhex(head)

    def _before(self, found: Discussion) -> str | None:
        """Where the base was when it got what `found` holds.

        Without a commit that says so (somebody moved the branch to the head itself) it is told by
        the oldest commit of the pull request that is still there.
        """
        if found.merge_commit is None or found.head is None:
            return None
        merge_commit = self._commit(found, found.merge_commit)
        if merge_commit is None:
            return None
        if found.head in merge_commit.parents[1:]:
            return merge_commit.parents[0]
        with self._ledger.read() as tx:
            told = discussion_entries.of(tx, found.space_key, found.number)
        oids = [str(each.detail.get("oid")) for each in told if each.kind is EntryKind.COMMIT]
        commits = (self._commit(found, oid) for oid in oids)
        oldest = next((commit for commit in commits if commit is not None), None)
        return oldest.parents[0] if oldest is not None and oldest.parents else None

    def _commit(self, found: Discussion, oid: str) -> Commit | None:
        """None for one that nothing visible reaches."""
        try:
            self._content.resolve(found.space_key, oid)
            return self._content.commit(found.space_key, oid)
        except NotFound:
            return None

    def _deadline(self) -> float:
        return time.monotonic() + self._content.seconds

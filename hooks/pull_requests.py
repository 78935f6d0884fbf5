"""Brings the ledger's idea of pull requests up to what the repository says.

A push to `refs/pr/N` brings commits; a push to a branch may bring in what a pull request into it
holds, by our own merge or by somebody's hand: then it is merged. Called in the transaction that
records a push; `hooks.pull_keeper` finds what a crash left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitserver.history import Commit
from gitserver.objects.entry import BadObject
from gitserver.objects.parting import TooFar, since
from gitserver.objects.store import NoSuchObject, Objects, ObjectTooLarge
from gitserver.repositories import Repositories
from spaceport.ledger import Ledger, discussion_entries, discussions, pulls
from spaceport.ledger.database import Tx
from spaceport.ledger.discussions import Discussion
from spaceport.names import SpaceKey
from spaceport.push import ZERO, RefUpdate, pull_number

SECONDS = 2.0
"""For the look through a history; what it does not tell in time is not told."""
MOST_COMMITS = 100
"""Entries that one push makes in a pull request."""


@dataclass(frozen=True)
class News:
    """What an update brought, the latest first. `own`: its ref has what the base has not."""

    commits: tuple[Commit, ...] = ()
    own: bool = True


@dataclass(frozen=True)
class Noted:
    """What became of pull requests, for the person who pushed."""

    pushed: tuple[Discussion, ...] = ()
    merged: tuple[Discussion, ...] = ()
    late: tuple[Discussion, ...] = ()  # closed or merged while the push was on its way

    def __bool__(self) -> bool:
        return bool(self.pushed or self.merged or self.late)


def news_of(
    ledger: Ledger, repositories: Repositories, key: SpaceKey, updates: Iterable[RefUpdate]
) -> dict[str, News]:
    """What the updates brought, as far as pull requests are concerned, by ref. It may take
    seconds, which no writing transaction should."""
    moved = {update.ref: update for update in updates if not update.deleted}
    with ledger.read() as tx:
        active = pulls.active(tx, key)
    found: dict[str, News] = {}
    for each in active:
        own, base = moved.get(each.ref), moved.get(each.base or "")
        if own is not None:
            found[own.ref] = _of_pull(repositories, each, own)
        if base is not None and base.ref not in found:
            commits = commits_since(repositories, key, base.new, (base.old,))
            found[base.ref] = News(tuple(commits or ()))
    return found


def note_pulls(
    tx: Tx,
    repositories: Repositories,
    key: SpaceKey,
    updates: Iterable[RefUpdate],
    news: Mapping[str, News],
    *,
    actor_id: str | None = None,
    trusted: bool = False,
) -> Noted:
    """Write what the updates mean for pull requests. `trusted`: whoever moved the refs may write
    to the Space."""
    pushed, late, merged = [], [], []
    moved = {update.ref: update for update in updates}
    for update in moved.values():
        number = pull_number(update.ref)
        found = None if number is None else discussions.find(tx, key, number)
        if found is None:
            continue
        if not found.status.active and not update.deleted:
            late.append(found)
        else:
            here = news.get(update.ref, News())
            pushed.append(_note(tx, repositories, found, update, here, actor_id, trusted))
    for found in pulls.active(tx, key):
        into = news.get(found.base or "") if found.base in moved else None
        if into is not None and found.head is not None:
            merge = merged_by(into.commits, found.head)
            if merge is not None:
                pulls.merged(tx, found, merge, actor_id)
                merged.append(found)
    return Noted(tuple(pushed), tuple(merged), tuple(late))


def merged_by(commits: Iterable[Commit], head: str) -> str | None:
    """By which of a branch's new commits it got `head`; None if it has not."""
    new = list(commits)
    if all(each.oid != head for each in new):
        return None
    return next((each.oid for each in new if head in each.parents[1:]), head)


def commits_since(
    repositories: Repositories, key: SpaceKey, tip: str, known: Iterable[str]
) -> list[Commit] | None:
    """What `tip` has and none of `known` has, the latest first; None if it takes too long, or the
    history cannot be read: a push is noted all the same."""
    ids = [bytes.fromhex(oid) for oid in known if oid != ZERO]
    with Objects(repositories.path(key) / "objects") as objects:
        try:
            return since(objects, bytes.fromhex(tip), ids, time.monotonic() + SECONDS)
        except (TooFar, NoSuchObject, BadObject, ObjectTooLarge):
            return None


def _of_pull(repositories: Repositories, found: Discussion, update: RefUpdate) -> News:
    base = repositories.refs(found.space_key).get(found.base or "")
    own = commits_since(repositories, found.space_key, update.new, (base,))
    new = commits_since(repositories, found.space_key, update.new, (base, update.old))
    return News(tuple(new or ()), own is None or bool(own))


def _note(
    tx: Tx,
    repositories: Repositories,
    found: Discussion,
    update: RefUpdate,
    news: News,
    actor_id: str | None,
    trusted: bool,
) -> Discussion:
    """The ref is read inside the transaction: of two pushes, the later one's head stays."""
    shown = [(each.oid, each.title or "(no message)") for each in reversed(news.commits)]
    if shown:
        discussion_entries.add_commits(
            tx, found.space_key, found.number, actor_id, shown[-MOST_COMMITS:]
        )
    now = repositories.refs(found.space_key).get(found.ref)
    if now == update.new:
        head = now if now != ZERO and news.own else None
        pulls.move_head(tx, found, head, actor_id, trusted=trusted and head is not None)
    return discussions.get(tx, found.space_key, found.number)

"""Discussions and pull requests of a Space, under one counter (spaces-behaviour 11.12, 16.5).

A pull request is a discussion with a ref, `refs/pr/<number>`, in the Space's repository. What was
said and done in one are its entries (`spaceport.ledger.discussion_entries`). They belong to the
Space's key: they follow a rename, end with the Space, and no copy of it has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, insert, select, update

from spaceport.errors import Conflict, Invalid, NotFound
from spaceport.ledger import discussion_entries as entries
from spaceport.ledger import events
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.discussion_entries import EntryKind
from spaceport.ledger.discussion_rows import (
    ACTIVE,
    Discussion,
    Status,
    all_rows,
    change,
    discussion_of,
    joined,
    one,
)
from spaceport.ledger.events import EventKind
from spaceport.ledger.space_rows import Visibility
from spaceport.ledger.tables import accounts
from spaceport.ledger.tables import discussions as rows
from spaceport.ledger.tables import spaces as space_rows
from spaceport.names import SpaceKey

__all__ = ["Discussion", "Status"]  # what callers know by this module

MAX_TITLE = 200
MOST_OPEN = 100
"""Discussions that one account may have open in one Space."""
MOST_OPEN_PULLS = 20
"""Pull requests that one account may have open in one Space."""
MOST_AN_HOUR = 100
"""Of both kinds that one account may open in one hour, in all Spaces."""


@dataclass(frozen=True)
class Filter:
    """Which ones a list has. None: all."""

    pull_request: bool | None = None
    statuses: frozenset[Status] | None = None
    author: str = ""


def begin(
    tx: Tx,
    key: SpaceKey,
    author_id: str,
    title: str,
    text: str = "",
    *,
    base: str | None = None,
    draft: bool = False,
) -> Discussion:
    """Open a discussion, with a `base` a pull request into that branch; its text is the first
    comment.

    Raises `Invalid` for a title or text beyond the limits, `Conflict` when the author has too many
    open or opened too many just now, `NotFound` for a Space that is gone.
    """
    title = check_title(title)
    _hold(tx, key)
    _check_open(tx, key, author_id, pull_request=base is not None)
    number = 1 + int(tx.execute(_newest(key)).scalar() or 0)
    tx.execute(
        insert(rows).values(
            space_key=key,
            number=number,
            title=title,
            status=(Status.DRAFT if draft else Status.OPEN).value,
            author_id=author_id,
            pull_request=base is not None,
            base=base,
            pinned=False,
            locked=False,
            created_at=now(),
            updated_at=now(),
        )
    )
    if text.strip():
        entries.comment(tx, key, number, author_id, text)
    told(tx, key, number, author_id, change="opened")
    return get(tx, key, number)


def find(tx: Tx, key: SpaceKey, number: int) -> Discussion | None:
    row = tx.execute(all_rows().where(*one(key, number))).mappings().first()
    return None if row is None else discussion_of(row)


def get(tx: Tx, key: SpaceKey, number: int) -> Discussion:
    """Raises `NotFound`."""
    found = find(tx, key, number)
    if found is None:
        raise NotFound(f"This Space has no discussion or pull request {number}.")
    return found


def listed(
    tx: Tx, key: SpaceKey, which: Filter = Filter(), *, skip: int = 0, limit: int = 50
) -> list[Discussion]:
    """Pinned ones first, then the newest."""
    query = _filtered(all_rows(), key, which).order_by(rows.c.pinned.desc(), rows.c.number.desc())
    found = tx.execute(query.offset(skip).limit(limit)).mappings()
    return [discussion_of(row) for row in found]


def count(tx: Tx, key: SpaceKey, which: Filter = Filter()) -> int:
    query = select(func.count()).select_from(joined())
    return int(tx.execute(_filtered(query, key, which)).scalar_one())


def opened_by(tx: Tx, author_id: str) -> int:
    """How many an account opened where everybody can see it."""
    open_ones = (space_rows.c.visibility == Visibility.PUBLIC, space_rows.c.deleted_at.is_(None))
    shown = space_rows.c.discussions.is_not(False)
    query = select(func.count()).join_from(rows, space_rows, rows.c.space_key == space_rows.c.key)
    query = query.where(rows.c.author_id == author_id, *open_ones, shown)
    return int(tx.execute(query).scalar_one())


def set_title(tx: Tx, found: Discussion, title: str, actor_id: str | None) -> str | None:
    """The id of the entry that says so; None when it was called that already."""
    title = check_title(title)
    if title == found.title:
        return None
    change(tx, found, title=title)
    detail = {"from": found.title, "to": title}
    told(tx, found.space_key, found.number, actor_id, change="title")
    return entries.add(tx, found.space_key, found.number, EntryKind.TITLE, actor_id, detail=detail)


def set_status(
    tx: Tx,
    found: Discussion,
    status: Status,
    actor_id: str | None,
    *,
    merge_commit: str | None = None,
) -> str | None:
    """The id of the entry that says so; None when it was so already.

    A merged pull request stays merged, and nothing but one is a draft or merged: `Conflict`.
    """
    if status is found.status:
        return None
    if found.status is Status.MERGED:
        raise Conflict(
            f"Pull request {found.number} is merged, which cannot be undone here.",
            hint="Revert its commits, or open another pull request.",
        )
    if not found.pull_request and status in (Status.DRAFT, Status.MERGED):
        raise Conflict(f"{found.number} is a discussion: it can be open or closed.")
    values: dict[str, Any] = {"status": status.value}
    if merge_commit is not None:
        values["merge_commit"] = merge_commit
    change(tx, found, **values)
    told(tx, found.space_key, found.number, actor_id, change="status", status=status.value)
    detail = {"status": status.value}
    return entries.add(tx, found.space_key, found.number, EntryKind.STATUS, actor_id, detail=detail)


def set_pinned(tx: Tx, found: Discussion, pinned: bool, actor_id: str | None) -> None:
    if pinned is not found.pinned:
        change(tx, found, pinned=pinned)
        told(tx, found.space_key, found.number, actor_id, change="pinned")


def set_locked(tx: Tx, found: Discussion, locked: bool, actor_id: str | None) -> None:
    """Locked: only those may comment who may write to the Space."""
    if locked is not found.locked:
        change(tx, found, locked=locked)
        told(tx, found.space_key, found.number, actor_id, change="locked")


def set_wanted(tx: Tx, key: SpaceKey, wanted: bool, *, actor_id: str | None = None) -> None:
    """Whether the Space has discussions and pull requests; those that are there are only hidden."""
    values = {"discussions": wanted, "updated_at": now()}
    tx.execute(update(space_rows).where(space_rows.c.key == key).values(values))
    events.append(tx, EventKind.SPACE_CHANGED, key, actor_id=actor_id, discussions=wanted)


def touched(tx: Tx, key: SpaceKey, number: int) -> None:
    """Something was said in it."""
    tx.execute(update(rows).where(*one(key, number)).values(updated_at=now()))


def told(tx: Tx, key: SpaceKey, number: int, actor_id: str | None, **detail: Any) -> None:
    """The event in the log."""
    kind = EventKind.DISCUSSION_CHANGED
    events.append(tx, kind, key, actor_id=actor_id, number=number, **detail)


def check_title(title: str) -> str:
    """Without space around it. Raises `Invalid` for what is no line of 1 to 200 characters."""
    text = title.strip()
    if not text or len(text) > MAX_TITLE or not text.isprintable():
        raise Invalid(f"A title is one line of 1 to {MAX_TITLE} characters.")
    return text


def _check_open(tx: Tx, key: SpaceKey, author_id: str, *, pull_request: bool) -> None:
    most = MOST_OPEN_PULLS if pull_request else MOST_OPEN
    active = rows.c.status.in_([each.value for each in ACTIVE])
    mine = (rows.c.space_key == key, rows.c.author_id == author_id, active)
    query = select(func.count()).select_from(rows)
    query = query.where(*mine, rows.c.pull_request.is_(pull_request))
    if int(tx.execute(query).scalar_one()) >= most:
        what = "pull requests" if pull_request else "discussions"
        raise Conflict(
            f"You have {most} {what} open in this Space, as many as one may.",
            hint="Close one of them first.",
        )
    since = (rows.c.author_id == author_id, rows.c.created_at > now() - timedelta(hours=1))
    query = select(func.count()).select_from(rows).where(*since)
    if int(tx.execute(query).scalar_one()) >= MOST_AN_HOUR:
        raise Conflict(
            f"You opened {MOST_AN_HOUR} discussions within an hour, as many as one may.",
            hint="Go on in an hour.",
        )


def _hold(tx: Tx, key: SpaceKey) -> None:
    """On PostgreSQL others wait here, so that no two get one number. Raises `NotFound`."""
    present = (space_rows.c.key == key, space_rows.c.deleted_at.is_(None))
    if tx.execute(select(space_rows.c.key).where(*present).with_for_update()).first() is None:
        raise NotFound("There is no such Space.")


def _newest(key: SpaceKey) -> Select[Any]:
    return select(func.max(rows.c.number)).where(rows.c.space_key == key)


def _filtered(query: Select[Any], key: SpaceKey, which: Filter) -> Select[Any]:
    query = query.where(rows.c.space_key == key)
    if which.pull_request is not None:
        query = query.where(rows.c.pull_request.is_(which.pull_request))
    if which.statuses is not None:
        query = query.where(rows.c.status.in_([each.value for each in which.statuses]))
    if which.author:
        query = query.where(accounts.c.name_lower == which.author.lower())
    return query

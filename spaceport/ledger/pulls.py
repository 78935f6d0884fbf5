"""Pull requests in the ledger: what they have beyond other discussions, heads above all."""

from __future__ import annotations

from sqlalchemy import delete, select

from spaceport.ledger import large
from spaceport.ledger.database import Tx
from spaceport.ledger.discussion_rows import (
    ACTIVE,
    Discussion,
    Status,
    all_rows,
    change,
    discussion_of,
    one,
)
from spaceport.ledger.discussions import set_status, told
from spaceport.ledger.tables import discussions as rows
from spaceport.names import SpaceKey
from spaceport.push import pull_ref


def active(tx: Tx, key: SpaceKey, author_id: str | None = None) -> list[Discussion]:
    """Pull requests that are draft or open, of one author if one is named."""
    active = (rows.c.pull_request.is_(True), rows.c.status.in_([each.value for each in ACTIVE]))
    query = all_rows().where(rows.c.space_key == key, *active)
    if author_id is not None:
        query = query.where(rows.c.author_id == author_id)
    return [discussion_of(row) for row in tx.execute(query.order_by(rows.c.number)).mappings()]


def refs(tx: Tx, key: SpaceKey, author_id: str | None = None) -> frozenset[str]:
    """The refs of all pull requests, of one author if one is named."""
    query = select(rows.c.number).where(rows.c.space_key == key, rows.c.pull_request.is_(True))
    if author_id is not None:
        query = query.where(rows.c.author_id == author_id)
    return frozenset(map(pull_ref, tx.execute(query).scalars()))


def trusted_heads(tx: Tx, key: SpaceKey) -> dict[str, str]:
    """Of pull requests under way, by ref: the present heads for which somebody vouches who may
    write to the Space."""
    return {each.ref: each.head for each in active(tx, key) if each.trusted and each.head}


def with_active(tx: Tx) -> set[SpaceKey]:
    """The Spaces that have pull requests under way."""
    active = rows.c.status.in_([each.value for each in ACTIVE])
    query = select(rows.c.space_key).where(rows.c.pull_request.is_(True), active).distinct()
    return set(tx.execute(query).scalars())


def published(tx: Tx, found: Discussion) -> None:
    """A draft that was made for a commit has it now; nobody changed its mind, so no entry."""
    change(tx, found, status=Status.OPEN.value)
    told(tx, found.space_key, found.number, found.author_id, change="status", status="open")


def merged(tx: Tx, found: Discussion, merge_commit: str, actor_id: str | None) -> None:
    """The base has all of it; what its author brought is the Space's own."""
    set_status(tx, found, Status.MERGED, actor_id, merge_commit=merge_commit)
    large.adopt(tx, found.space_key, found.author_id)


def withdraw(tx: Tx, found: Discussion) -> None:
    """Take back one that came to nothing before anybody saw it: its commit was refused."""
    tx.execute(delete(rows).where(*one(found.space_key, found.number)))


def move_head(
    tx: Tx, found: Discussion, head: str | None, actor_id: str | None, *, trusted: bool
) -> None:
    """Note where the ref is; `trusted`: somebody brought it there who may write to the Space."""
    if head == found.head and (not trusted or found.trusted):
        return
    change(tx, found, head=head, **({"trusted_head": head} if trusted else {}))
    told(tx, found.space_key, found.number, actor_id, change="head")


def trust(tx: Tx, found: Discussion, head: str, actor_id: str | None) -> None:
    """Somebody who may write to the Space wants this head, and no later one, to run."""
    change(tx, found, head=head, trusted_head=head)
    told(tx, found.space_key, found.number, actor_id, change="trusted", head=head)

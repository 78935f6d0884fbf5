"""A discussion or pull request as the ledger holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import FromClause, Select, select, update

from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import accounts, discussions
from spaceport.names import SpaceKey
from spaceport.push import pull_ref


class Status(StrEnum):
    DRAFT = "draft"  # a pull request that is not to be merged yet
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"  # for good

    @property
    def active(self) -> bool:
        return self in (Status.DRAFT, Status.OPEN)


ACTIVE = frozenset(status for status in Status if status.active)


@dataclass(frozen=True)
class Discussion:
    """`head`: where the ref of a pull request was when last looked at, None while it holds nothing
    of its own. `trusted_head`: the head that somebody vouches for who may write to the Space."""

    space_key: SpaceKey
    number: int
    title: str
    status: Status
    author_id: str
    author: str
    pull_request: bool
    base: str | None
    head: str | None
    trusted_head: str | None
    merge_commit: str | None
    pinned: bool
    locked: bool
    created_at: datetime
    updated_at: datetime

    @property
    def ref(self) -> str:
        """Of a pull request."""
        return pull_ref(self.number)

    @property
    def trusted(self) -> bool:
        """Whether its present head may run: pushed, or looked at, by somebody who may write."""
        return self.head is not None and self.head == self.trusted_head


def joined() -> FromClause:
    """The table with the names of authors beside it."""
    return discussions.outerjoin(accounts, accounts.c.id == discussions.c.author_id)


def all_rows() -> Select[Any]:
    return select(discussions, accounts.c.name.label("author")).select_from(joined())


def one(key: SpaceKey, number: int) -> tuple[Any, ...]:
    """The condition for a single one."""
    return (discussions.c.space_key == key, discussions.c.number == number)


def change(tx: Tx, found: Discussion, **values: Any) -> None:
    """Set columns. The caller appends the event."""
    here = update(discussions).where(*one(found.space_key, found.number))
    tx.execute(here.values(updated_at=now(), **values))


def discussion_of(row: Mapping[Any, Any]) -> Discussion:
    values = {
        name: row[name]
        for name in Discussion.__dataclass_fields__
        if name not in ("status", "author")
    }
    return Discussion(**values, status=Status(row["status"]), author=row["author"] or "")

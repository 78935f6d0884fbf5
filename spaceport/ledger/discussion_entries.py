"""What was said and done in a discussion: comments, changes of title and status, commits.

A comment keeps what it said before each edit. Hiding one is final: its text and all that it said
before leave the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select, update

from spaceport.errors import Conflict, Invalid, NotFound
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import accounts
from spaceport.ledger.tables import discussion_entries as rows
from spaceport.names import SpaceKey, new_key

MAX_TEXT = 64 * 1024
"""Bytes of a comment."""
MOST_ENTRIES = 2_000
"""Of one discussion; commits beyond them are in the history of the ref only."""
MOST_EDITS = 100
"""Earlier texts that a comment keeps."""
MOST_AN_HOUR = 120
"""Comments of one account in one hour, in all Spaces."""


class EntryKind(StrEnum):
    """The words of the wire (hub-api 12)."""

    COMMENT = "comment"
    STATUS = "status-change"
    TITLE = "title-change"
    COMMIT = "commit"


@dataclass(frozen=True)
class Version:
    """What a comment said until somebody edited it."""

    text: str
    until: datetime
    author: str


@dataclass(frozen=True)
class Entry:
    """`text` is that of a comment, '' once it is hidden; `detail` is what other kinds say."""

    id: str
    space_key: SpaceKey
    number: int
    kind: EntryKind
    author_id: str | None
    author: str
    at: datetime
    text: str = ""
    hidden: bool = False
    edited_at: datetime | None = None
    history: tuple[Version, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)


def comment(tx: Tx, key: SpaceKey, number: int, author_id: str, text: str) -> str:
    """Add a comment; its id. Raises `Invalid` for its length, `Conflict` for too many."""
    text = check_text(text)
    if _count(tx, key, number) >= MOST_ENTRIES:
        raise Conflict(
            f"This discussion has {MOST_ENTRIES} entries, as many as one may.",
            hint="Open another one.",
        )
    since = now() - timedelta(hours=1)
    mine = (rows.c.author_id == author_id, rows.c.at > since, rows.c.kind == EntryKind.COMMENT)
    query = select(func.count()).select_from(rows).where(*mine)
    if int(tx.execute(query).scalar_one()) >= MOST_AN_HOUR:
        raise Conflict(
            f"You wrote {MOST_AN_HOUR} comments within an hour, as many as one may.",
            hint="Go on in an hour.",
        )
    return add(tx, key, number, EntryKind.COMMENT, author_id, text=text)


def add(
    tx: Tx,
    key: SpaceKey,
    number: int,
    kind: EntryKind,
    author_id: str | None,
    *,
    text: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> str:
    """Add an entry of any kind; its id."""
    id = new_key()
    tx.execute(
        insert(rows).values(
            id=id,
            space_key=key,
            number=number,
            kind=kind.value,
            author_id=author_id,
            at=now(),
            text=text,
            detail=dict(detail or {}),
        )
    )
    return id


def add_commits(
    tx: Tx, key: SpaceKey, number: int, author_id: str | None, commits: list[tuple[str, str]]
) -> None:
    """Id and subject of each, oldest first; as many as still find room, and none twice."""
    room = MOST_ENTRIES - _count(tx, key, number)
    query = select(rows.c.detail).where(rows.c.space_key == key, rows.c.number == number)
    told = {
        detail.get("oid")
        for detail in tx.execute(query.where(rows.c.kind == EntryKind.COMMIT)).scalars()
    }
    commits = [commit for commit in commits if commit[0] not in told]
    for oid, subject in commits[-room:] if room > 0 else ():
        detail = {"oid": oid, "subject": subject[:500]}
        add(tx, key, number, EntryKind.COMMIT, author_id, detail=detail)


def of(tx: Tx, key: SpaceKey, number: int) -> list[Entry]:
    """All of one discussion, in order."""
    query = _rows().where(rows.c.space_key == key, rows.c.number == number)
    return [_entry(row) for row in tx.execute(query.order_by(rows.c.seq)).mappings()]


def get(tx: Tx, key: SpaceKey, number: int, id: str) -> Entry:
    """One comment of this very discussion. Raises `NotFound`."""
    here = (rows.c.space_key == key, rows.c.number == number, rows.c.id == id)
    row = tx.execute(_rows().where(*here, rows.c.kind == EntryKind.COMMENT)).mappings().first()
    if row is None:
        raise NotFound("There is no such comment in this discussion.")
    return _entry(row)


def edit(tx: Tx, found: Entry, text: str, editor: str) -> None:
    """Give a comment another text; what it said stays in its history.

    Raises `Invalid`, and `Conflict` for one that is hidden or was edited too often.
    """
    text = check_text(text)
    if found.hidden:
        raise Conflict("This comment is hidden, which is final.", hint="Write another one.")
    if text == found.text:
        return
    if len(found.history) >= MOST_EDITS:
        raise Conflict(
            f"This comment was edited {MOST_EDITS} times, as often as one may be.",
            hint="Write another one.",
        )
    at = now().isoformat()
    version = {"text": found.text, "until": at, "author": editor}
    history = [_to_json(each) for each in found.history]
    detail = {"history": [*history, version], "edited_at": at}
    tx.execute(update(rows).where(rows.c.id == found.id).values(text=text, detail=detail))


def hide(tx: Tx, found: Entry, actor_id: str | None) -> None:
    """Final: neither its text nor its history can be had again."""
    detail = {"hidden_by": actor_id}
    tx.execute(update(rows).where(rows.c.id == found.id).values(text=None, detail=detail))


def comments(tx: Tx, key: SpaceKey, numbers: list[int]) -> dict[int, int]:
    """How many comments each of these discussions has."""
    here = (rows.c.space_key == key, rows.c.number.in_(numbers), rows.c.kind == EntryKind.COMMENT)
    query = select(rows.c.number, func.count()).where(*here).group_by(rows.c.number)
    return {int(number): int(found) for number, found in tx.execute(query)}


def check_text(text: str) -> str:
    """A comment without space around it. Raises `Invalid` for an empty or a too long one."""
    text = text.replace("\r\n", "\n").replace("\0", "").strip()
    size = len(text.encode("utf-8", "replace"))
    if not text or size > MAX_TEXT:
        raise Invalid(f"A comment has 1 to {MAX_TEXT} bytes; this one has {size}.")
    return text


def _count(tx: Tx, key: SpaceKey, number: int) -> int:
    query = select(func.count()).select_from(rows)
    query = query.where(rows.c.space_key == key, rows.c.number == number)
    return int(tx.execute(query).scalar_one())


def _rows() -> Any:
    joined = rows.outerjoin(accounts, accounts.c.id == rows.c.author_id)
    return select(rows, accounts.c.name.label("author")).select_from(joined)


def _entry(row: Mapping[Any, Any]) -> Entry:
    kind, detail = EntryKind(row["kind"]), row["detail"] or {}
    edited = detail.get("edited_at")
    return Entry(
        id=row["id"],
        space_key=row["space_key"],
        number=row["number"],
        kind=kind,
        author_id=row["author_id"],
        author=row["author"] or "",
        at=row["at"],
        text=row["text"] or "",
        hidden=kind is EntryKind.COMMENT and row["text"] is None,
        edited_at=None if edited is None else datetime.fromisoformat(edited),
        history=tuple(_from_json(each) for each in detail.get("history", ())),
        detail=detail,
    )


def _to_json(version: Version) -> dict[str, str]:
    return {"text": version.text, "until": version.until.isoformat(), "author": version.author}


def _from_json(stored: Mapping[str, str]) -> Version:
    return Version(stored["text"], datetime.fromisoformat(stored["until"]), stored["author"])

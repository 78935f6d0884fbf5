"""Discussions, and what happened in them, as clients read them (hub-api 12).

An author whose account is gone has no key at all: clients read its absence, and fail at a null.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from hub.api.wire import stamp
from hub.web.comments import as_typed
from spaceport.ledger.discussion_entries import Entry, EntryKind, Version
from spaceport.ledger.discussion_rows import Discussion
from spaceport.ledger.spaces import Space

HIDDEN = "This comment has been hidden"


def discussion_json(
    origin: str, space: Space, found: Discussion, comments: int = 0
) -> dict[str, Any]:
    """A line of the list."""
    return {
        "num": found.number,
        "title": found.title,
        "status": found.status.value,
        "isPullRequest": found.pull_request,
        "createdAt": stamp(found.created_at),
        "updatedAt": stamp(found.updated_at),
        "repo": {"name": str(space.id), "type": "space"},
        "numComments": comments,
        "pinned": found.pinned,
        "locked": found.locked,
        **_author(origin, found.author),
    }


def event_json(origin: str, entry: Entry, render: Callable[[str], Markup]) -> dict[str, Any]:
    """One event; `data` depends on its type. `render` makes a comment's HTML."""
    comment = entry.kind is EntryKind.COMMENT
    return {
        "id": entry.id,
        "type": entry.kind.value,
        "createdAt": stamp(entry.at),
        **_author(origin, entry.author),
        "data": _comment(origin, entry, render) if comment else dict(entry.detail),
    }


def _comment(origin: str, entry: Entry, render: Callable[[str], Markup]) -> dict[str, Any]:
    text = HIDDEN if entry.hidden else entry.text
    return {
        "edited": bool(entry.history),
        "hidden": entry.hidden,
        "numEdits": len(entry.history),
        "latest": {
            "raw": text,
            "html": render(text),
            "updatedAt": stamp(entry.edited_at or entry.at),
            **_author(origin, entry.author),
        },
        "history": [_version(origin, each) for each in entry.history],
    }


def _version(origin: str, version: Version) -> dict[str, Any]:
    return {
        "raw": version.text,
        "html": as_typed(version.text),
        "updatedAt": stamp(version.until),
        **_author(origin, version.author),
    }


def _author(origin: str, name: str) -> dict[str, Any]:
    if not name:
        return {}
    avatar = f"{origin}/avatars/{name}.svg"
    return {"author": {"name": name, "fullname": name, "type": "user", "avatarUrl": avatar}}

"""What people do in the discussions of a Space, by API and page: rights first, then the ledger.

A pull request is one of them here as far as it is talked about; what it does to branches is
`hub.pulls`. (spaces-behaviour 11.12, 16.5)
"""

from __future__ import annotations

from spaceport.actor import Actor
from spaceport.authorize import Action, Authored, SpaceResource, authorize
from spaceport.errors import Conflict, Forbidden, NotFound
from spaceport.ledger import Tx
from spaceport.ledger import discussion_entries as entries
from spaceport.ledger import discussions as ledger
from spaceport.ledger.discussion_entries import Entry
from spaceport.ledger.discussion_rows import ACTIVE, Discussion, Status
from spaceport.ledger.discussion_size import check_entries, check_room
from spaceport.ledger.discussions import Filter
from spaceport.ledger.spaces import Space

OPEN = ACTIVE
"""What lists call open: drafts are."""
CLOSED = frozenset(Status) - OPEN


def check_wanted(space: Space) -> None:
    """Raise `Forbidden` for a Space whose community tab is switched off."""
    if not space.discussions:
        raise Forbidden(
            "Discussions are disabled for this Space.",
            hint="Those who manage it can turn them on in its settings; nothing of them is lost.",
        )


def authored(space: Space, found: Discussion) -> Authored:
    return Authored(SpaceResource.of(space), found.author_id, found.locked)


def get(tx: Tx, space: Space, number: int) -> Discussion:
    """Raises `NotFound`, and `Forbidden` where they are switched off."""
    check_wanted(space)
    return ledger.get(tx, space.key, number)


def number_of(text: str) -> int:
    """The number in an address. Raises `NotFound` for what cannot be one."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound("This Space has no such discussion or pull request.")
    return int(text)


def count_open(tx: Tx, space: Space) -> int:
    return ledger.count(tx, space.key, Filter(statuses=OPEN))


def begin(tx: Tx, actor: Actor, space: Space, title: str, text: str) -> Discussion:
    """Open a discussion. Raises `Denied`, `Forbidden`, `Invalid`, `Conflict`."""
    check_wanted(space)
    return ledger.begin(tx, space.key, _author(actor, space), title, text)


def comment(tx: Tx, actor: Actor, space: Space, number: int, text: str) -> Entry:
    """Raises `Denied`, also where it is locked, `Invalid`, `Conflict` for too many."""
    found = get(tx, space, number)
    _may_comment(actor, space, found)
    check_room(tx, space.key, number, text)
    id = entries.comment(tx, space.key, number, _author(actor, space), text)
    return _said(tx, actor, found, id)


def edit(tx: Tx, actor: Actor, space: Space, number: int, id: str, text: str) -> Entry:
    """Only its author may. Raises `Denied`, `NotFound`, `Invalid`, `Conflict` for a hidden one."""
    found, entry = _comment(tx, space, number, id)
    _may_comment(actor, space, found)
    _require(actor, Action.REWRITE, space, entry)
    check_room(tx, space.key, number, text)
    entries.edit(tx, entry, text, actor.name)
    return _said(tx, actor, found, id)


def hide(tx: Tx, actor: Actor, space: Space, number: int, id: str) -> Entry:
    """Final; its author may, and who may write. Raises `Denied`, `NotFound`."""
    found, entry = _comment(tx, space, number, id)
    _require(actor, Action.CHANGE, space, entry)
    if not entry.hidden:
        entries.hide(tx, entry, actor.id)
    return _said(tx, actor, found, id)


def rename(tx: Tx, actor: Actor, space: Space, number: int, title: str) -> Entry:
    """Raises `Denied`, `Invalid`, `Conflict` when it is called that already."""
    found = get(tx, space, number)
    _may_change(actor, space, found)
    check_entries(tx, space.key, number)
    id = ledger.set_title(tx, found, title, actor.id)
    if id is None:
        raise Conflict(f"{found.number} is called that already.")
    return _entry(tx, found, id)


def set_status(
    tx: Tx, actor: Actor, space: Space, number: int, status: Status, text: str = ""
) -> Entry:
    """Open or closed, with what is said about it. Raises `Denied`, `Conflict` for no change."""
    found = get(tx, space, number)
    _may_change(actor, space, found)
    check_status(tx, found, status)
    if text.strip():
        comment(tx, actor, space, number, text)
    return _entry(tx, found, ledger.set_status(tx, found, status, actor.id) or "")


def check_status(tx: Tx, found: Discussion, status: Status) -> None:
    """Raise `Conflict` when it is so already, and for an endless to and fro."""
    if found.status is status:
        raise Conflict(f"{found.number} is {status.value} already.")
    if status is not Status.CLOSED:
        check_entries(tx, found.space_key, found.number)


def pin(tx: Tx, actor: Actor, space: Space, number: int, pinned: bool) -> Discussion:
    """Raises `Denied` for those who may not write to the Space."""
    found = get(tx, space, number)
    authorize(actor, Action.WRITE, SpaceResource.of(space)).require()
    ledger.set_pinned(tx, found, pinned, actor.id)
    return ledger.get(tx, space.key, number)


def lock(tx: Tx, actor: Actor, space: Space, number: int, locked: bool) -> Discussion:
    """Raises `Denied` for those who may not write to the Space."""
    found = get(tx, space, number)
    authorize(actor, Action.WRITE, SpaceResource.of(space)).require()
    ledger.set_locked(tx, found, locked, actor.id)
    return ledger.get(tx, space.key, number)


def _may_comment(actor: Actor, space: Space, found: Discussion) -> None:
    authorize(actor, Action.COMMENT, authored(space, found)).require()


def _may_change(actor: Actor, space: Space, found: Discussion) -> None:
    authorize(actor, Action.CHANGE, authored(space, found)).require()


def _require(actor: Actor, action: Action, space: Space, entry: Entry) -> None:
    mine = Authored(SpaceResource.of(space), entry.author_id or "")
    authorize(actor, action, mine).require()


def _author(actor: Actor, space: Space) -> str:
    authorize(actor, Action.CONTRIBUTE, SpaceResource.of(space)).require()
    if actor.id is None:
        raise Forbidden("Only an account can write in a discussion.")
    return actor.id


def _comment(tx: Tx, space: Space, number: int, id: str) -> tuple[Discussion, Entry]:
    found = get(tx, space, number)
    return found, entries.get(tx, space.key, number, id)


def _said(tx: Tx, actor: Actor, found: Discussion, id: str) -> Entry:
    """The comment as it is now; the discussion counts as touched, and the log has it."""
    ledger.touched(tx, found.space_key, found.number)
    ledger.told(tx, found.space_key, found.number, actor.id, change="comment", comment=id)
    return entries.get(tx, found.space_key, found.number, id)


def _entry(tx: Tx, found: Discussion, id: str) -> Entry:
    """An entry of any kind that was just made."""
    all_of_it = entries.of(tx, found.space_key, found.number)
    return next(entry for entry in reversed(all_of_it) if entry.id == id)

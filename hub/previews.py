"""The previews of a Space as people see them, and asking for one or ending one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hooks.head import note_head
from hooks.previews import rules_of
from hub.context import HubContext
from spaceport.errors import Conflict, NotFound
from spaceport.ledger import Tx, previews, pulls, spaces
from spaceport.ledger.overview import Overview, overview
from spaceport.ledger.spaces import Space
from spaceport.names import SpaceKey
from spaceport.push import full_ref, has_preview, pull_number, short_ref
from spaceport.stage import Wanted


@dataclass(frozen=True)
class Line:
    """One preview. `ends_at`: when it goes if nobody uses it; None while it is in use."""

    view: Overview
    ends_at: datetime | None

    @property
    def space(self) -> Space:
        return self.view.space

    @property
    def ref(self) -> str:
        """In full."""
        return self.space.ref or ""

    @property
    def name(self) -> str:
        """As people write it."""
        return short_ref(self.ref)


def listed(tx: Tx, context: HubContext, key: SpaceKey) -> list[Line]:
    """By ref."""
    return [line_of(tx, context, preview) for preview in previews.of(tx, key)]


def line_of(tx: Tx, context: HubContext, preview: Space) -> Line:
    view = overview(tx, preview.key)
    keep = timedelta(seconds=context.settings.previews.keep)
    ends_at = None
    if preview.used_at is not None and preview.wanted is not Wanted.RUNNING:
        ends_at = preview.used_at + keep
    return Line(view, ends_at)


def find(tx: Tx, parent: SpaceKey, name: str) -> Space:
    """The preview of a branch, or of a full ref. Raises `NotFound`."""
    found = previews.find(tx, parent, full_ref(name))
    if found is None:
        raise NotFound(
            f"There is no preview of {name[:200]!r}.",
            hint="One begins when the branch is pushed, or when it is asked for.",
        )
    return found


def begin(tx: Tx, context: HubContext, key: SpaceKey, name: str, actor_id: str | None) -> Space:
    """The preview of a ref, begun unless it is there, whatever became of an earlier one.

    Raises `NotFound` for a ref that is not there, `Conflict` when there can be none.
    """
    space, ref, settings = previews.hold(tx, key), full_ref(name), context.settings.previews
    if space is None:
        raise NotFound("There is no such Space.")
    rules = rules_of(space, settings)
    if not rules.wanted:
        raise Conflict(
            "This Space has no previews.",
            hint="Turn them on in its settings."
            if settings.enabled
            else "The server's administrator has switched them off (previews.enabled).",
        )
    head = context.repositories.head(key, ref) if has_preview(ref) else None
    if head is None:
        raise NotFound(f"There is no branch or pull request {name[:200]!r} to preview.")
    _check_trusted(tx, key, ref, head)
    present = previews.find(tx, key, ref)
    if present is not None:
        return present
    if len(spaces.preview_keys(tx, key)) >= settings.most:
        raise Conflict(
            f"This Space has {settings.most} previews, as many as it can have.",
            hint="Remove one first.",
        )
    made = previews.begin(tx, space, ref, sleep_seconds=settings.sleep, actor_id=actor_id)
    note_head(tx, context.repositories, made.key, actor_id=actor_id, at=head)
    return spaces.get(tx, made.key)


def _check_trusted(tx: Tx, key: SpaceKey, ref: str, head: str) -> None:
    """Nothing of a stranger runs before somebody looked at it. Raises `Conflict`."""
    number = pull_number(ref)
    if number is not None and pulls.trusted_heads(tx, key).get(ref) != head:
        raise Conflict(
            f"Pull request {number} is closed, or nobody vouches for what it holds now.",
            hint="Look at its changes, then let them run on its page.",
        )

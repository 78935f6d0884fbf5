"""Brings a Space's previews in line with the branches of its repository.

Called in the transaction that records a push, and by the keeper for what a crash left out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from config.previews import PreviewSettings
from gitserver.repositories import Repositories
from hooks.head import note_head
from hooks.preview_plan import Known, Plan, Present, Rules, plan
from spaceport.ledger import previews, pulls, secrets, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.spaces import Space
from spaceport.names import SpaceKey
from spaceport.push import pull_number
from spaceport.stage import Wanted

FREE_FLAVOR = "cpu-basic"  # what previews begin with


@dataclass(frozen=True)
class Kept:
    """What was done, for the person who pushed. `previews`: of the pushed refs that have one."""

    previews: tuple[Space, ...] = ()
    without: tuple[str, ...] = ()  # pushed refs for which there was no room
    made_way: tuple[str, ...] = ()


def keep_previews(
    tx: Tx,
    repositories: Repositories,
    key: SpaceKey,
    settings: PreviewSettings,
    *,
    pushed: Collection[str] | None = None,
    actor_id: str | None = None,
) -> Kept:
    """Begin, move and end previews; nothing for a Space that is not there, or is a preview.

    With `pushed`, only those refs are looked at, and may take the place of previews not in use.
    """
    space = previews.hold(tx, key)
    looked = None if space is None else look(tx, repositories, space, settings, pushed)
    if space is None or looked is None:
        return Kept()
    known, made = looked
    _perform(tx, repositories, space, settings, known, made, actor_id)
    if pushed is None:
        return Kept()
    found = tuple(preview for preview in previews.of(tx, key) if preview.ref in pushed)
    return Kept(found, made.mark, made.make_way)


def look(
    tx: Tx,
    repositories: Repositories,
    space: Space,
    settings: PreviewSettings,
    pushed: Collection[str] | None = None,
) -> tuple[Known, Plan] | None:
    """What there is, and what would be done about it; None when the Space has no previews."""
    if space.parent_key is not None or space.deleted_at is not None:
        return None
    if not repositories.exists(space.key):
        return None
    known = _known(tx, repositories, space, pushed)
    rules = rules_of(space, settings)
    return known, plan(known, rules, now(), pushed=pushed or (), all_refs=pushed is None)


def rules_of(space: Space, settings: PreviewSettings) -> Rules:
    wanted = settings.enabled and space.previews
    return Rules(wanted, settings.most, timedelta(seconds=settings.sleep))


def _known(
    tx: Tx, repositories: Repositories, space: Space, pushed: Collection[str] | None
) -> Known:
    """Read inside the transaction: two pushes in the wrong order still leave the newest behind.

    The head of a pull request counts while it is under way and somebody vouches for it who may
    write to the Space; else it is as if the ref were not there.
    """
    trusted = pulls.trusted_heads(tx, space.key)
    heads = {
        ref: head
        for ref, head in repositories.refs(space.key).ids.items()
        if pull_number(ref) is None or trusted.get(ref) == head
    }
    if pushed is not None:
        heads = {ref: head for ref, head in heads.items() if ref in pushed}
    present = tuple(_present(tx, preview) for preview in previews.of(tx, space.key))
    return Known(heads, present, previews.marks(tx, space.key))


def _present(tx: Tx, preview: Space) -> Present:
    personal = preview.flavor != FREE_FLAVOR or bool(secrets.names(tx, preview.key))
    return Present(
        preview.ref or "",
        preview.head,
        preview.wanted is not Wanted.RUNNING,
        preview.used_at or preview.created_at,
        personal,
    )


def _perform(
    tx: Tx,
    repositories: Repositories,
    space: Space,
    settings: PreviewSettings,
    known: Known,
    made: Plan,
    actor_id: str | None,
) -> None:
    heads = known.heads  # the very ones that were looked at: a later one may not be trusted
    by_ref = {preview.ref: preview for preview in previews.of(tx, space.key)}
    for ref in made.end:
        spaces.mark_deleted(tx, by_ref[ref].key, actor_id=actor_id)
    for ref in made.make_way:
        previews.end(tx, by_ref[ref], actor_id=actor_id)
    for ref in made.move:
        note_head(tx, repositories, by_ref[ref].key, actor_id=actor_id, at=heads[ref])
    for ref in made.begin:
        fresh = previews.begin(tx, space, ref, sleep_seconds=settings.sleep, actor_id=actor_id)
        note_head(tx, repositories, fresh.key, actor_id=actor_id, at=heads[ref])
    for ref in made.mark:
        previews.mark(tx, space.key, ref, heads[ref])
    for ref in made.forget:
        previews.drop_mark(tx, space.key, ref)

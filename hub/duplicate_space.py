"""Copying a Space: history, variables and attribution; never a secret (spaces-behaviour 6, API-32).

As at a creation the repository comes first, under a key that nobody knows; one transaction then
makes the copy known with all its settings (`hub.create_space`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from config.catalogue import FREE_FLAVOR
from hooks.head import note_head
from hub.context import HubContext
from hub.create_space import Setting, enter_settings, enter_storage, owner_for
from hub.creations import creating
from hub.hardware import check_flavor, check_sleep
from hub.large_links import copy_large_links
from hub.storage import Asked, tier_of
from spaceport.actor import Actor
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.errors import Forbidden, NotFound
from spaceport.failpoints import failpoint
from spaceport.ledger import Tx, egress, spaces, variables
from spaceport.ledger.origins import Origin
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import SpaceId, SpaceKey, check_space_name, new_key


@dataclass(frozen=True)
class Copy:
    """What a person asks for. `owner` is the name of an account; `sleep` in seconds, -1 never.

    `variables` are added to those of the source and override them; a secret without a value is
    not set. The copy's storage is empty: what is in that of the source stays there.
    """

    owner: str
    name: str
    visibility: Visibility = Visibility.PRIVATE
    flavor: str = FREE_FLAVOR
    sleep: int | None = None
    storage_tier: str = ""
    variables: tuple[Setting, ...] = ()
    secrets: tuple[Setting, ...] = ()
    volumes: tuple[Asked, ...] = ()


def duplicate_space(context: HubContext, actor: Actor, source_id: SpaceId, wanted: Copy) -> Space:
    """Make the copy; blocks. When this returns it is durable, and its first build is due.

    Raises `Invalid` for a bad name or setting, `authorize.Denied`, `create_space.SpaceExists`,
    `Forbidden` where the author allows no copies, and what `Repositories.create_from` raises.
    """
    check_space_name(wanted.name)
    if wanted.storage_tier:
        tier_of(context.catalogue, wanted.storage_tier)
    if wanted.sleep is not None:
        check_sleep(wanted.sleep)
    with context.ledger.read() as tx:
        source = readable_source(tx, actor, source_id)
        owner_for(tx, actor, wanted.owner, wanted.name)
    check_flavor(context, actor, wanted.flavor, source.sdk)
    with creating(context.data):
        key = new_key()
        named = context.repositories.create_from(key, source.key)
        try:
            failpoint("copy:after-repository")
            with context.ledger.write() as tx:
                space = _enter(tx, context, actor, source, wanted, key, named)
        except BaseException:
            context.repositories.delete(key)
            raise
    failpoint("copy:after-ledger")
    return space


def readable_source(tx: Tx, actor: Actor, source_id: SpaceId) -> Space:
    """The Space to copy. Raises `authorize.Denied`, which looks the same for an absent one, and
    `Forbidden` where its author allows no copies."""
    source = spaces.by_id(tx, source_id)
    resource = None if source is None else SpaceResource.of(source)
    authorize(actor, Action.READ, resource).require()
    if source is None:
        raise NotFound("There is no such Space.")
    if not source.duplicable and not authorize(actor, Action.MANAGE, resource).allowed:
        raise Forbidden(f"The author of {source.id} does not allow copies of it.")
    return source


def _enter(
    tx: Tx,
    context: HubContext,
    actor: Actor,
    source: Space,
    wanted: Copy,
    key: SpaceKey,
    named: Collection[str],
) -> Space:
    # Asked again: rights, names or the source itself may have changed since.
    source = readable_source(tx, actor, spaces.get(tx, source.key).id)
    owner = owner_for(tx, actor, wanted.owner, wanted.name)
    origin = Origin(
        source.key, str(source.id), source.owner_id, source.visibility is Visibility.PUBLIC
    )
    spaces.create(
        tx,
        key,
        owner.id,
        wanted.name,
        creator_id=(actor.account or owner).id,
        visibility=wanted.visibility,
        sdk=source.sdk,
        flavor=wanted.flavor,
        origin=origin,
    )
    note_head(tx, context.repositories, key, actor_id=actor.id)
    if wanted.sleep is not None:
        spaces.set_sleep(tx, key, wanted.sleep, actor_id=actor.id)
    hidden = [entry for entry in wanted.secrets if entry.value]
    enter_settings(tx, context, actor, key, _variables(tx, source.key, wanted, hidden), hidden)
    egress.set_(tx, key, egress.of(tx, source.key), actor_id=actor.id)
    enter_storage(tx, context, actor, key, wanted.storage_tier, wanted.volumes)
    quota = context.large.quota(tx, key, actor.id)
    copy_large_links(tx, source.key, key, named, quota, actor_id=actor.id)
    return spaces.get(tx, key)


def _variables(
    tx: Tx, source: SpaceKey, wanted: Copy, hidden: Iterable[Setting]
) -> Iterable[Setting]:
    """The source's, with those asked for in their place; a name asked for as a secret is one."""
    found = {
        entry.name: Setting(entry.name, entry.value, entry.description)
        for entry in variables.listed(tx, source)
    }
    for entry in hidden:
        found.pop(entry.key, None)
    for entry in wanted.variables:
        before = found.get(entry.key)
        described = entry.description or (before.description if before else None)
        found[entry.key] = Setting(entry.key, entry.value, described)
    return found.values()

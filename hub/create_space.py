"""Creating a Space: repository and ledger row, one step for every reader (DUR-07, 1.4).

The repository is made first, under a key that nobody knows yet; one transaction then makes the
Space known with all its settings. A crash between the two leaves a repository that no row names,
which the janitor removes (`hub.janitor`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from config.catalogue import FREE_FLAVOR
from gitserver.building import Signature
from hub.context import HubContext
from hub.creations import creating
from hub.hardware import check_flavor, check_sleep
from spaceport.actor import Actor
from spaceport.authorize import Action, Namespace, authorize
from spaceport.card import read_card
from spaceport.errors import Conflict, Invalid
from spaceport.failpoints import failpoint
from spaceport.ledger import Tx, accounts, secrets, spaces, variables
from spaceport.ledger.accounts import Account
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import SpaceId, SpaceKey, check_space_name, new_key
from spaceport.sdk import Sdk
from spaceport.starter import new_card, starter_files


class SpaceExists(Conflict):
    """Raised when the name is taken; `space_id` is that of the Space that has it."""

    def __init__(self, space_id: SpaceId) -> None:
        super().__init__(f"A Space called {space_id} already exists.", hint="Choose another name.")
        self.space_id = space_id


@dataclass(frozen=True)
class Setting:
    """A variable or a secret to begin with; the value is never in `repr`."""

    key: str
    value: str = field(repr=False)
    description: str | None = None


@dataclass(frozen=True)
class NewSpace:
    """What a person asks for. `owner` is the name of an account; `sleep` in seconds, -1 never."""

    owner: str
    name: str
    sdk: Sdk
    visibility: Visibility = Visibility.PUBLIC
    flavor: str = FREE_FLAVOR
    sleep: int | None = None
    license: str = ""
    short_description: str = ""
    title: str = ""
    emoji: str = ""
    color_from: str = ""
    color_to: str = ""
    variables: tuple[Setting, ...] = ()
    secrets: tuple[Setting, ...] = ()


def create_space(context: HubContext, actor: Actor, wanted: NewSpace) -> Space:
    """Create it; blocks. When this returns it is durable, and clone, API and page show it.

    Raises `Invalid` for a bad name or setting, `authorize.Denied`, `SpaceExists`.
    """
    check_space_name(wanted.name)
    check_flavor(context, actor, wanted.flavor, wanted.sdk)
    if wanted.sleep is not None:
        check_sleep(wanted.sleep)
    with context.ledger.read() as tx:
        owner = owner_for(tx, actor, wanted.owner, wanted.name)
    creator = actor.account or owner
    readme = _readme(context, wanted)
    with creating(context.data):
        key = new_key()
        files = starter_files(wanted.name, wanted.sdk, readme)
        revision = context.repositories.create(key, files, signature(context, creator))
        try:
            failpoint("space:after-repository")
            with context.ledger.write() as tx:
                space = _enter(tx, context, actor, wanted, key, revision, readme)
        except BaseException:
            context.repositories.delete(key)
            raise
    failpoint("space:after-ledger")
    return space


def signature(context: HubContext, account: Account) -> Signature:
    """How an account signs a commit that the hub makes for it."""
    host = urlsplit(context.settings.hub_url).hostname or "localhost"
    email = account.email or f"{account.name}@users.noreply.{host}"
    return Signature(account.display_name, email)


def owner_for(tx: Tx, actor: Actor, name: str, space_name: str) -> Account:
    """The account `name`, if `actor` may create a Space there and it has none of that name.

    Raises `authorize.Denied`, `Invalid`, `SpaceExists`.
    """
    owner = accounts.by_name(tx, name)
    authorize(actor, Action.CREATE, Namespace(owner.id if owner else "")).require()
    if owner is None:
        raise Invalid(f"There is no account called {name!r}.")
    taken = spaces.by_id(tx, SpaceId(owner.name, space_name))
    if taken is not None:
        raise SpaceExists(taken.id)
    return owner


def _readme(context: HubContext, wanted: NewSpace) -> str:
    sdk = context.sdks.sdks.get(wanted.sdk)
    readme = new_card(
        wanted.name,
        wanted.sdk,
        sdk_version=sdk.default_version if sdk else None,
        license=wanted.license or None,
        short_description=wanted.short_description or None,
        title=wanted.title or None,
        emoji=wanted.emoji or None,
        color_from=wanted.color_from or None,
        color_to=wanted.color_to or None,
    )
    problems = read_card(readme.encode()).problems
    if problems:
        raise Invalid(" ".join(problems))
    return readme


def _enter(
    tx: Tx,
    context: HubContext,
    actor: Actor,
    wanted: NewSpace,
    key: SpaceKey,
    revision: str,
    readme: str,
) -> Space:
    # Asked again: the right, or the name, may have gone to somebody else since.
    owner = owner_for(tx, actor, wanted.owner, wanted.name)
    creator = actor.account or owner
    spaces.create(
        tx,
        key,
        owner.id,
        wanted.name,
        creator_id=creator.id,
        visibility=wanted.visibility,
        sdk=wanted.sdk,
        flavor=wanted.flavor,
    )
    card = read_card(readme.encode()).card
    stored = None if card is None else card.to_json()
    spaces.move_head(tx, key, revision, stored, sdk=wanted.sdk, actor_id=actor.id)
    if wanted.sleep is not None:
        spaces.set_sleep(tx, key, wanted.sleep, actor_id=actor.id)
    enter_settings(tx, context, actor, key, wanted.variables, wanted.secrets)
    return spaces.get(tx, key)


def enter_settings(
    tx: Tx,
    context: HubContext,
    actor: Actor,
    key: SpaceKey,
    shown: Iterable[Setting],
    hidden: Iterable[Setting],
) -> None:
    """Set the variables and secrets of a new Space. Raises `Invalid` naming the rule broken."""
    for entry in shown:
        variables.set_(
            tx, key, entry.key, entry.value, description=entry.description, actor_id=actor.id
        )
    for entry in hidden:
        secrets.set_(
            tx,
            context.keyring,
            key,
            entry.key,
            entry.value,
            description=entry.description,
            actor_id=actor.id,
        )

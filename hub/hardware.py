"""Which hardware can be chosen here, and what choosing means for the idle time."""

from __future__ import annotations

from config.catalogue import FREE_FLAVOR, Catalogue, Flavor
from config.runtime import RuntimeSettings
from hub.context import HubContext
from spaceport.actor import Actor, Means
from spaceport.errors import BudgetSpent, Forbidden, Invalid
from spaceport.ledger.spaces import Space
from spaceport.sdk import Sdk

NEVER = -1
SHORTEST_SLEEP = 60
SLEEP_CHOICES = (300, 900, 1800, 3600, 36_000, 86_400, 172_800, 259_200, 604_800, NEVER)
"""What the Settings offer, in seconds (8.3.4); the API takes any."""

ELSEWHERE = frozenset(
    """zero-a10g l4x1 l4x4 l40sx1 l40sx4 l40sx8 a10g-largex2 a10g-largex4 a100-large a100x4 a100x8
    h100 h100x8 cpu-xl cpu-performance rtx-pro-6000 rtx-pro-6000x2 rtx-pro-6000x4 rtx-pro-6000x8
    t4-small t4-medium a10g-small a10g-large""".split()
)
"""Names that clients know from the original: known, but perhaps not here."""


def offered(context: HubContext) -> list[Flavor]:
    """The flavours that a Space can have here: those that the operator declared, and with a GPU
    only what the host's cards can give."""
    settings = context.settings.runtime
    return [flavor for flavor in context.catalogue.flavors if not _lacking(flavor, settings)]


def check_flavor(context: HubContext, actor: Actor, slug: str, sdk: Sdk) -> str:
    """Return `slug`. Raises `Invalid` for one that nobody knows, or for a static Space;
    `Forbidden` with the reason for one that this server does not have; `BudgetSpent` (402) where
    only administrators choose what costs money."""
    if slug in ELSEWHERE and not context.catalogue.has_flavor(slug):
        raise _not_here(context, slug, "it is not in its catalogue")
    flavor = context.catalogue.flavor(slug)
    if sdk is Sdk.STATIC and slug != FREE_FLAVOR:
        raise Invalid("A static Space has no hardware: its files are served without a container.")
    lacking = _lacking(flavor, context.settings.runtime)
    if lacking:
        raise _not_here(context, flavor.name, lacking)
    if flavor.paid and not _may_pay(context, actor):
        raise BudgetSpent(
            "On this server only administrators choose hardware that costs money.",
            hint="Ask for a community grant in the Settings of the Space.",
        )
    return slug


def _may_pay(context: HubContext, actor: Actor) -> bool:
    everybody = context.settings.runtime.paid_flavors == "everybody"
    return everybody or actor.is_site_admin or actor.means is Means.SYSTEM


def _not_here(context: HubContext, name: str, why: str) -> Forbidden:
    choices = ", ".join(each.slug for each in offered(context))
    return Forbidden(
        f"{name} is not available on this server: {why}.", hint=f"Choose one of: {choices}."
    )


def _lacking(flavor: Flavor, settings: RuntimeSettings) -> str:
    """Why it cannot be had, or nothing."""
    if settings.flavors is not None and flavor.slug not in settings.flavors:
        return "its operator does not offer it"
    fitting = [gpu for gpu in settings.gpus or () if gpu.accelerator == flavor.accelerator]
    if flavor.gpus > len(fitting):
        found = f"only {len(fitting)}" if fitting else "no"
        return f"it has {found} {flavor.accelerator}"
    return ""


def check_sleep(seconds: int) -> int:
    """Return `seconds`, or raise `Invalid`; -1 is never."""
    if seconds != NEVER and not SHORTEST_SLEEP <= seconds <= 2**31 - 1:
        raise Invalid(f"A Space sleeps after {SHORTEST_SLEEP} seconds or more, or never (-1).")
    return seconds


def idle_seconds(space: Space, catalogue: Catalogue, sleep_free: int | None) -> int | None:
    """After how many idle seconds the Space sleeps; None is never (spaces-behaviour 8.3)."""
    preview = space.parent_key is not None
    if space.sdk is Sdk.STATIC and not preview:
        return None
    paid = catalogue.has_flavor(space.flavor) and catalogue.flavor(space.flavor).paid
    if not paid and not preview:
        return sleep_free
    chosen = space.sleep_seconds
    return chosen if chosen is not None and chosen != NEVER else None

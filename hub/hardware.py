"""Which hardware can be chosen here, and what choosing means for the idle time."""

from __future__ import annotations

from config.catalogue import FREE_FLAVOR, Catalogue, Flavor
from spaceport.errors import Invalid
from spaceport.ledger.spaces import Space
from spaceport.sdk import Sdk

NEVER = -1
SHORTEST_SLEEP = 60


def offered(catalogue: Catalogue) -> list[Flavor]:
    """The flavours that a Space can have: this version places nothing on GPUs."""
    return [flavor for flavor in catalogue.flavors if not flavor.gpus]


def check_flavor(catalogue: Catalogue, slug: str, sdk: Sdk) -> str:
    """Return `slug`, or raise `Invalid` that says why a Space of that SDK cannot have it."""
    flavor = catalogue.flavor(slug)
    if sdk is Sdk.STATIC and slug != FREE_FLAVOR:
        raise Invalid("A static Space has no hardware: its files are served without a container.")
    if flavor.gpus:
        known = ", ".join(each.slug for each in offered(catalogue))
        raise Invalid(
            f"{flavor.name} has a GPU, and this server does not place Spaces on GPUs.",
            hint=f"Choose one of: {known}.",
        )
    return slug


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

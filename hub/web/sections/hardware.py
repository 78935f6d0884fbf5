"""Which hardware a Space has and may have, when it sleeps, and what was granted to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.hardware import NEVER, SLEEP_CHOICES, idle_seconds, offered
from hub.web.cards import card_of
from hub.web.visit import Visit
from spaceport.ledger import grants
from spaceport.ledger.overview import Overview


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`flavors`, the present `flavor` (None: not in the catalogue), `sleeps` (choices with words),
    `sleep` (the present choice), `grants`, `granted` and the card's `suggested` flavour."""
    context, space = visit.context, view.space
    found = await visit.read(
        lambda tx: (grants.of_space(tx, space.key), grants.in_force(tx, space.key))
    )
    catalogue = context.catalogue
    known = catalogue.has_flavor(space.flavor)
    return {
        "flavors": offered(context),
        "grantable": catalogue.flavors,
        "flavor": catalogue.flavor(space.flavor) if known else None,
        "suggested": card_of(space).suggested_hardware or "",
        "sleeps": [(seconds, sleep_words(seconds)) for seconds in SLEEP_CHOICES],
        "sleep": NEVER if space.sleep_seconds is None else space.sleep_seconds,
        "idle_words": sleep_words(
            idle_seconds(space, catalogue, context.settings.runtime.sleep_free) or NEVER
        ),
        "grants": found[0],
        "granted": found[1],
    }


def sleep_words(seconds: int) -> str:
    """`5 minutes`, `1 week`, `never`."""
    if seconds == NEVER:
        return "never"
    for length, word in ((604_800, "week"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % length == 0 and (length != 604_800 or seconds >= length):
            count = seconds // length
            return f"{count} {word}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"

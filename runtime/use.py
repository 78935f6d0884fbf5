"""How long a Space has gone without use, and after how long that has consequences."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from runtime.facts import Facts
from runtime.idleness import freeze_after, idle_seconds, sleep_after
from runtime.tools import Tools
from spaceport.ledger.overview import Overview


@dataclass(frozen=True)
class Use:
    """See the fields of `View`. Seconds."""

    idle_seconds: float | None = None
    sleep_after: float | None = None
    freeze_after: float | None = None


def use_of(facts: Facts, tools: Tools) -> Use:
    """Nothing for a Space of which nothing serves, unless it is a preview: that one also sleeps
    again when what was visited does not start, or is a folder. Call it on the loop."""
    overview, settings = facts.overview, tools.settings
    space = overview.space
    preview = space.parent_key is not None
    moments = [one.ready_at for one in overview.serving if one.ready_at is not None]
    if preview and not overview.replicas:
        moments = _moments(overview)
    elif overview.live is None:
        return Use()
    if not moments:
        return Use()
    flavor_name = overview.live.flavor if overview.live is not None else space.flavor
    idle = idle_seconds(
        time.time(),
        tools.traffic.last_used(space.key),
        tools.began,
        max(moments).timestamp(),
        open_connections=tools.traffic.open_connections(space.key),
    )
    if not tools.catalogue.has_flavor(flavor_name):
        return Use(idle)
    flavor, asked = tools.catalogue.flavor(flavor_name), space.sleep_seconds
    seconds = settings.freeze_after if tools.host.can_freeze else None
    return Use(
        idle,
        sleep_after=sleep_after(flavor, asked, settings.sleep_free, preview=preview),
        freeze_after=freeze_after(flavor, asked, seconds),
    )


def _moments(overview: Overview) -> list[datetime]:
    """When it was woken, and when what came of that was there or had failed."""
    build, release = overview.build, overview.release
    found = [overview.space.used_at]
    found += [build.ended_at] if build else []
    found += [release.live_at] if release else []
    return [moment for moment in found if moment is not None]

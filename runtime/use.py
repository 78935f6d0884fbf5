"""How long a Space has gone without use, and after how long that has consequences."""

from __future__ import annotations

import time
from dataclasses import dataclass

from runtime.facts import Facts
from runtime.idleness import freeze_after, idle_seconds, sleep_after
from runtime.tools import Tools


@dataclass(frozen=True)
class Use:
    """See the fields of `View`. Seconds."""

    idle_seconds: float | None = None
    sleep_after: float | None = None
    freeze_after: float | None = None


def use_of(facts: Facts, tools: Tools) -> Use:
    """Nothing for a Space of which nothing serves. Call it on the loop."""
    overview, settings = facts.overview, tools.settings
    serving = [one.ready_at for one in overview.serving if one.ready_at is not None]
    live = overview.live
    if not serving or live is None:
        return Use()
    idle = idle_seconds(
        time.time(),
        tools.traffic.last_used(overview.space.key),
        tools.began,
        max(serving).timestamp(),
        open_connections=tools.traffic.open_connections(overview.space.key),
    )
    if not tools.catalogue.has_flavor(live.flavor):
        return Use(idle)
    flavor, asked = tools.catalogue.flavor(live.flavor), overview.space.sleep_seconds
    seconds = settings.freeze_after if tools.host.can_freeze else None
    return Use(
        idle,
        sleep_after=sleep_after(flavor, asked, settings.sleep_free),
        freeze_after=freeze_after(flavor, asked, seconds),
    )

"""How long a Space has gone without use, and after how long that has consequences."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from config.runtime import MemorySettings
from runtime.idleness import freeze_after, idle_seconds, sleep_after
from runtime.ladder import is_coming
from runtime.pressure import Candidate, Rung, allowed
from runtime.tools import Tools
from runtime.view import View
from spaceport.ledger.overview import Overview
from spaceport.states import ReplicaState


@dataclass(frozen=True)
class Use:
    """See the fields of `View`. Seconds."""

    idle_seconds: float | None = None
    sleep_after: float | None = None
    freeze_after: float | None = None
    swap_after: float | None = None


def use_of(overview: Overview, tools: Tools) -> Use:
    """Nothing for a Space of which nothing serves. Call it on the loop."""
    use = _in_good_times(overview, tools)
    demand = tools.relief.demand(overview.space.key)
    return hastened(use, demand, tools.settings.memory)


def _in_good_times(overview: Overview, tools: Tools) -> Use:
    settings = tools.settings
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
    freeze = settings.freeze_after if tools.host.can_freeze else None
    swap = settings.swap_after if freeze and tools.host.can_reclaim else None
    return Use(
        idle,
        sleep_after=sleep_after(flavor, asked, settings.sleep_free),
        freeze_after=freeze_after(flavor, asked, freeze),
        swap_after=freeze_after(flavor, asked, swap),
    )


def hastened(use: Use, demand: Rung, settings: MemorySettings) -> Use:
    """`use`, when so much is demanded for want of memory (`pressure.demands`)."""

    def soonest(seconds: float | None, rung: Rung) -> float | None:
        if demand < rung:
            return seconds
        return settings.unused if seconds is None else min(seconds, settings.unused)

    return replace(
        use,
        sleep_after=soonest(use.sleep_after, Rung.ASLEEP),
        freeze_after=soonest(use.freeze_after, Rung.FROZEN),
        swap_after=soonest(use.swap_after, Rung.SWAPPED),
    )


def candidate_of(view: View, tools: Tools) -> Candidate | None:
    """None for a Space of which nothing serves, that somebody looks at, or of which the next
    version is on its way."""
    use, live = _in_good_times(view.overview, tools), view.overview.live
    if use.idle_seconds is None or live is None or is_coming(view):
        return None
    if not tools.catalogue.has_flavor(live.flavor):
        return None
    serving = view.overview.serving
    if any(tools.traffic.in_flight(one.id) for one in serving):
        return None
    held = all(one.state is ReplicaState.FROZEN for one in serving)
    out = held and all(view.sighting(one).swapped for one in serving)
    refused = any(view.sighting(one).unfreezable for one in serving)
    return Candidate(
        view.overview.space.key,
        use.idle_seconds,
        Rung.SWAPPED if out else Rung.FROZEN if held else Rung.RUNNING,
        allowed(
            tools.catalogue.flavor(live.flavor),
            sleeps=use.sleep_after is not None,
            can_freeze=tools.host.can_freeze and not refused,
            can_reclaim=tools.host.can_reclaim,
        ),
    )

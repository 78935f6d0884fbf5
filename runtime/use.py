"""How long a Space has gone without use, and after how long that has consequences."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime

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
    """Nothing for a Space of which nothing serves, unless it is a preview: that one also sleeps
    again when what was visited does not start, or is a folder. Call it on the loop."""
    use = _in_good_times(overview, tools)
    demand = tools.relief.demand(overview.space.key)
    return hastened(use, demand, tools.settings.memory)


def _in_good_times(overview: Overview, tools: Tools) -> Use:
    space, settings = overview.space, tools.settings
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
    freeze = settings.freeze_after if tools.host.can_freeze else None
    swap = settings.swap_after if freeze and tools.host.can_reclaim else None
    return Use(
        idle,
        sleep_after=sleep_after(flavor, asked, settings.sleep_free, preview=preview),
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
    if not serving:
        return None
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
        pauses=use.freeze_after is not None,
    )


def _moments(overview: Overview) -> list[datetime]:
    """When it was woken, and when what came of that was there or had failed."""
    build, release = overview.build, overview.release
    found = [overview.space.used_at]
    found += [build.ended_at] if build else []
    found += [release.live_at] if release else []
    return [moment for moment in found if moment is not None]

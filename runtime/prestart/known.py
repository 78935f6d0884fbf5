"""What the ledger says about prepared processes: which became replicas, which will be of use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from runtime.facts import inputs_of
from runtime.placement import Placement, place
from runtime.planning import scratch_of
from runtime.prestart.kind import Kind, kind_of
from runtime.storage.needs import Needs
from runtime.tools import Tools
from spaceport.engine import Handle
from spaceport.errors import SpaceportError
from spaceport.ledger import releases, replicas, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.database import Tx
from spaceport.ledger.releases import Release
from spaceport.names import SpaceKey
from spaceport.stage import Wanted
from spaceport.states import ReleaseState


@dataclass(frozen=True)
class Known:
    replicas: frozenset[Handle]  # containers of living replicas
    kinds: Mapping[str, Kind]  # by name; what may wait
    starts: Mapping[str, int]  # by kind: how often it was started lately


def read_known(tx: Tx, tools: Tools) -> Known:
    kinds: dict[str, Kind] = {}
    starts: Counter[str] = Counter()
    settings = tools.settings.prestart
    if settings.total and tools.host.can_prestart:
        lately = replicas.since(tx, now() - timedelta(days=settings.recent))
        for key, count in Counter(replica.space_key for replica in lately).items():
            kind = _of_space(tx, tools, key)
            if kind is not None:
                kinds[kind.name] = kind
                starts[kind.name] += count
    noted = frozenset(one.handle for one in replicas.alive(tx) if one.handle)
    return Known(noted, kinds, starts)


def _of_space(tx: Tx, tools: Tools, key: SpaceKey) -> Kind | None:
    """What fits the Space's next start; None when none is to be expected."""
    try:
        space = spaces.get(tx, key)
        if space.deleted_at is not None or space.wanted is Wanted.PAUSED:
            return None
        release = releases.newest(tx, key, ReleaseState.PENDING, ReleaseState.LIVE)
        return None if release is None else _of_release(tx, tools, release)
    except SpaceportError:
        return None


def _of_release(tx: Tx, tools: Tools, release: Release) -> Kind | None:
    flavor = tools.catalogue.flavor(release.flavor)
    placement = place(flavor, tools.host.capacity, (), tools.settings.placement)
    if not isinstance(placement, Placement):
        return None
    needs = Needs(scratch=scratch_of(tools, release))
    return kind_of(inputs_of(tx, tools, release, "", placement, {}), needs)

"""An app under another network policy: it is served, and reaches what it may."""

from __future__ import annotations

import pytest

from spaceport.egress import Egress
from spaceport.ledger import egress
from tests.runtime.world import World, server

pytestmark = pytest.mark.engine

INTERFACES = server("@").replace("'@'", "','.join(sorted(os.listdir('/sys/class/net')))")


@pytest.mark.req("RUN-02")
async def test_an_app_without_a_network_is_served_all_the_same(world: World) -> None:
    world.start()
    key = world.space()
    world.push(key, INTERFACES)
    await world.serves(key, "eth0,lo")
    with world.ledger.write() as tx:
        egress.set_(tx, key, Egress.parse("none"))
    await world.serves(key, "lo")

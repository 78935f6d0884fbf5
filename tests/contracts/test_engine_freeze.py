"""Containers of either engine are frozen and thawed; what they use is told meanwhile as well."""

from __future__ import annotations

import pytest

from spaceport.engine import ContainerState, Limits, NoSuchContainer
from tests.contracts.conftest import Rig
from tests.contracts.programs import first_line
from tests.waiting import eventually

pytestmark = pytest.mark.engine


@pytest.mark.req("RUN-09")
def test_freeze_and_thaw(rig: Rig) -> None:
    handle = rig.started("import time\nfor n in range(10**6): print(n); time.sleep(0.01)")
    eventually(lambda: first_line(rig, handle))
    rig.engine.freeze(handle)
    assert rig.engine.inspect(handle).state is ContainerState.FROZEN
    assert [found.state for found in rig.engine.list({})] == [ContainerState.FROZEN]
    rig.engine.thaw(handle)
    assert rig.engine.inspect(handle).state is ContainerState.RUNNING
    rig.engine.freeze(handle)
    rig.engine.stop(handle, 1)
    assert rig.engine.inspect(handle).state is ContainerState.EXITED


@pytest.mark.req("RUN-09")
def test_what_it_uses_is_told_also_while_it_is_frozen(rig: Rig) -> None:
    code = "held = bytearray(b'x') * (64 * 2**20)\nprint('up')\nwhile True: pass"
    handle = rig.started(code, limits=Limits(cpus=1, memory=256 * 2**20))
    eventually(lambda: first_line(rig, handle))
    first = rig.engine.usage(handle)
    later = eventually(
        lambda: now if (now := rig.engine.usage(handle)).cpu_seconds > first.cpu_seconds else None
    )
    assert 64 * 2**20 <= later.memory <= 256 * 2**20
    assert later.memory_limit == 256 * 2**20
    assert later.received is not None
    assert later.sent is not None
    rig.engine.freeze(handle)
    held = rig.engine.usage(handle)
    assert rig.engine.usage(handle).cpu_seconds == held.cpu_seconds
    assert rig.engine.inspect(handle).state is ContainerState.FROZEN
    rig.engine.remove(handle)
    with pytest.raises(NoSuchContainer):
        rig.engine.usage(handle)

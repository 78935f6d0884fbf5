"""How much a container writes into its own root is seen by both engines, or cannot happen."""

from __future__ import annotations

import pytest

from tests.contracts.conftest import Rig
from tests.waiting import eventually

WRITES = (
    "import time; open('/big', 'wb').write(bytes(5 << 20)); print('written', flush=True); "
    "time.sleep(600)"
)


@pytest.mark.req("RUN-06")
def test_what_is_written_into_the_root_is_told(rig: Rig) -> None:
    if rig.kind == "process":  # nothing but memory and mounts can be written there
        handle = rig.started("import time; time.sleep(600)")
        assert rig.engine.written().get(handle, 0) == 0
        return
    handle = rig.started(WRITES, read_only_root=False, user="0:0")
    eventually(lambda: rig.engine.written().get(handle, 0) >= 5 << 20)
    rig.engine.freeze(handle)
    assert handle not in rig.engine.written()  # it cannot write
    rig.engine.remove(handle)
    assert handle not in rig.engine.written()

"""A frozen container's memory goes to swap and comes back, with either engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaceport.engine import ContainerState, EngineRefused, Limits, NoSuchContainer
from tests.contracts.conftest import Rig
from tests.swap import swap_area
from tests.waiting import eventually

pytestmark = pytest.mark.engine
MIB = 1024**2

HOLDER = """
import socket
held = bytearray(range(256)) * (64 * 4096)
listener = socket.create_server(("0.0.0.0", 7860))
print("up")
while True:
    client, _ = listener.accept()
    client.sendall(b"%d %d" % (len(held), sum(held[::4096])))
    client.close()
"""


def first_line(rig: Rig, handle: str) -> str:
    lines = rig.engine.logs(handle)
    return next(iter(lines), None).text  # type: ignore[union-attr]


def ask(rig: Rig, handle: str) -> bytes:
    with rig.engine.connect(handle, 7860, 5) as made:
        made.settimeout(20)
        return made.recv(100)


@pytest.mark.req("RUN-12")
def test_frozen_memory_goes_to_swap_and_comes_back_whole(rig: Rig, tmp_path: Path) -> None:
    with swap_area(tmp_path):
        assert rig.engine.probe().can_reclaim
        handle = rig.started(HOLDER, limits=Limits(cpus=1, memory=128 * MIB))
        try:
            assert first_line(rig, handle) == "up"
            before = ask(rig, handle)
            assert rig.engine.usage(handle).memory > 64 * MIB
            rig.engine.reclaim(handle)  # it runs: left alone
            assert rig.engine.usage(handle).memory > 64 * MIB
            rig.engine.freeze(handle)
            rig.engine.reclaim(handle)
            assert rig.engine.usage(handle).memory < 16 * MIB
            rig.engine.reclaim(handle)
            assert rig.engine.inspect(handle).state is ContainerState.FROZEN
            rig.engine.thaw(handle)
            assert ask(rig, handle) == before
        finally:
            rig.engine.remove(handle)  # before the swap goes


@pytest.mark.req("RUN-02")
def test_a_running_container_may_use_no_more_with_swap(rig: Rig, tmp_path: Path) -> None:
    with swap_area(tmp_path):
        hungry = "held = bytearray(b'x') * (200 * 2**20)\nprint(len(held))"
        spec = rig.spec(hungry, limits=Limits(cpus=1, memory=96 * MIB))
        ended = rig.engine.run(spec, lambda line: None, timeout=60)
        assert ended.code == 137


def test_without_swap_it_is_refused(rig: Rig) -> None:
    if rig.engine.probe().can_reclaim:
        pytest.skip("this host swaps")
    handle = rig.started("print('up')\nimport time\ntime.sleep(600)")
    eventually(lambda: first_line(rig, handle))
    rig.engine.freeze(handle)
    with pytest.raises(EngineRefused, match="no swap"):
        rig.engine.reclaim(handle)


def test_what_has_ended_has_nothing_to_push_out(rig: Rig) -> None:
    with pytest.raises(NoSuchContainer):
        rig.engine.reclaim("a" * 64)

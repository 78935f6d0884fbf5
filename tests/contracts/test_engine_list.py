"""What either engine tells of itself and of its containers, and how they are found again."""

from __future__ import annotations

import pytest

from spaceport.engine import ContainerState, NoSuchContainer
from tests.contracts.conftest import Rig
from tests.contracts.programs import FOREVER, answer, server

pytestmark = pytest.mark.engine
MIB = 1024**2


def test_the_probe_answers(rig: Rig) -> None:
    info = rig.engine.probe()
    assert info.name == rig.kind == rig.engine.name
    assert info.cpus >= 1
    assert info.memory > 100 * MIB
    assert info.can_freeze


def test_it_is_found_again_by_another_engine_object(rig: Rig) -> None:
    handle = rig.started(server("kept"), labels={"spaceport.space": "s1"})
    assert answer(rig, handle) == b"hello from kept"
    other = rig.again()
    try:
        (found,) = other.list({"spaceport.space": "s1"})
        assert (found.handle, found.state) == (handle, ContainerState.RUNNING)
        made = other.connect(handle, 7860, 5)
        made.setblocking(True)
        assert made.recv(100) == b"hello from kept"
        made.close()
        other.stop(handle, 1)
    finally:
        other.close()
    assert rig.engine.inspect(handle).state is ContainerState.EXITED


def test_list_tells_labels_and_how_it_ended(rig: Rig) -> None:
    ended = rig.started("raise SystemExit(3)", labels={"spaceport.space": "a"})
    rig.started(FOREVER, labels={"spaceport.space": "b"})
    rig.engine.wait(ended)
    (found,) = rig.engine.list({"spaceport.space": "a"})
    assert (found.handle, found.exit and found.exit.code) == (ended, 3)
    assert found.labels["spaceport.space"] == "a"
    assert len(rig.engine.list({})) == 2
    assert rig.engine.list({"spaceport.space": "c"}) == []


def test_a_name_is_used_again(rig: Rig) -> None:
    first = rig.started(FOREVER, name="same")
    second = rig.started(FOREVER, name="same")
    assert [found.handle for found in rig.engine.list({})] == [second]
    with pytest.raises(NoSuchContainer):
        rig.engine.inspect(first)


def test_what_is_gone_may_be_stopped_and_removed_but_not_looked_at(rig: Rig) -> None:
    handle = rig.started(FOREVER)
    rig.engine.remove(handle)
    rig.engine.remove(handle)
    rig.engine.stop(handle, 1)
    for call in (rig.engine.inspect, rig.engine.wait, rig.engine.freeze, rig.engine.logs):
        with pytest.raises(NoSuchContainer):
            call(handle)
    with pytest.raises(NoSuchContainer):
        rig.engine.connect(handle, 7860, 1)

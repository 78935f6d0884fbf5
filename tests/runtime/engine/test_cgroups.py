"""Control groups of both versions, as plain folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.engine.cgroups import V1_CONTROLLERS, limit_group, prepare_parent, version
from runtime.engine.process_cgroup import Group, parent_group
from spaceport.engine import Limits

LIMITS = Limits(cpus=1.5, memory=2000, pids=9)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    return tmp_path


@pytest.fixture
def first(tmp_path: Path) -> Path:
    for controller in V1_CONTROLLERS:
        (tmp_path / controller).mkdir()
    return tmp_path


def test_version_two(second: Path) -> None:
    assert version(second) == 2
    name = parent_group("i", 4096, second)
    assert (second / name / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    group = Group(f"{name}/0", second)
    assert group.make(LIMITS, low_priority=False)
    folder = second / name / "0"
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        "cpu.weight": "39",
        "cpu.max": "150000 100000",
        "memory.max": "2000",
        "memory.swap.max": "0",
        "pids.max": "9",
    }
    assert group.doors == [str(folder / "cgroup.procs")]
    assert group.memory_events == str(folder / "memory.events")
    group.freeze(True)
    assert group.frozen()
    assert (folder / "cgroup.freeze").read_text() == "1"


def test_version_one(first: Path) -> None:
    assert version(first) == 1
    assert prepare_parent("spaceport-i", 4096, first) == "/spaceport-i"
    assert (first / "cpu" / "spaceport-i" / "cpu.shares").read_text() == "4096"
    group = Group("spaceport-i/0", first)
    assert group.make(LIMITS, low_priority=True)
    assert (first / "cpu" / "spaceport-i" / "0" / "cpu.shares").read_text() == "64"
    assert (first / "memory" / "spaceport-i/0/memory.limit_in_bytes").read_text() == "2000"
    assert len(group.doors) == len(V1_CONTROLLERS)
    group.freeze(True)
    assert (first / "freezer" / "spaceport-i/0/freezer.state").read_text() == "FROZEN"


def test_where_there_are_none(tmp_path: Path) -> None:
    assert version(tmp_path) == 0
    assert not limit_group("x", cpus=1, memory=None, pids=None, root=tmp_path)

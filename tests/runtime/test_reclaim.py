"""Which files of a control group are written to push its memory out, in either version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.engine.reclaim import possible, reclaim, swap_size

SWAPS = "Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/swap file 1048576 0 -2\n"


def host(folder: Path, cgroup: str, swaps: str = SWAPS) -> Path:
    proc = folder / "proc"
    (proc / "7").mkdir(parents=True)
    (proc / "7" / "cgroup").write_text(cgroup)
    (proc / "swaps").write_text(swaps)
    return proc


def groups_v2(folder: Path) -> Path:
    root = folder / "cgroup"
    own = root / "spaceport-x" / "app"
    own.mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu memory pids\n")
    (root / "memory.reclaim").write_text("")
    (own / "memory.reclaim").write_text("")
    (own / "memory.current").write_text("104857600\n")
    (own / "memory.swap.max").write_text("0\n")
    return root


def groups_v1(folder: Path) -> Path:
    root = folder / "cgroup"
    own = root / "memory" / "spaceport-x" / "app"
    own.mkdir(parents=True)
    (root / "memory" / "memory.force_empty").write_text("")
    (own / "memory.force_empty").write_text("")
    return root


def test_version_2_swap_is_allowed_for_the_moment_only(tmp_path: Path) -> None:
    root, proc = groups_v2(tmp_path), host(tmp_path, "0::/spaceport-x/app\n")
    reclaim(7, root, proc)
    own = root / "spaceport-x" / "app"
    assert (own / "memory.reclaim").read_text() == "104857600"
    assert (own / "memory.swap.max").read_text() == "0\n"


def test_version_1(tmp_path: Path) -> None:
    root, proc = groups_v1(tmp_path), host(tmp_path, "7:cpu:/x\n6:memory:/spaceport-x/app\n")
    reclaim(7, root, proc)
    assert (root / "memory" / "spaceport-x" / "app" / "memory.force_empty").read_text() == "0"


@pytest.mark.parametrize("cgroup", ["0::/\n", "6:memory:/\n"])
def test_never_the_group_of_the_whole_host(tmp_path: Path, cgroup: str) -> None:
    root = groups_v2(tmp_path) if cgroup.startswith("0") else groups_v1(tmp_path)
    with pytest.raises(PermissionError):
        reclaim(7, root, host(tmp_path, cgroup))


def test_possible_where_there_is_swap_and_the_file(tmp_path: Path) -> None:
    root, proc = groups_v1(tmp_path), host(tmp_path, "")
    assert possible(root, proc) is (os.geteuid() == 0)
    assert swap_size(proc / "swaps") == 1024**3
    (proc / "swaps").write_text(SWAPS.splitlines()[0] + "\n")
    assert not possible(root, proc)
    assert not possible(tmp_path / "none", proc)
    assert swap_size(tmp_path / "absent") == 0

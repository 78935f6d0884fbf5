"""What the kernel's files say of a container, in both versions of control groups."""

from __future__ import annotations

from pathlib import Path

from runtime.engine.docker_state import usage_told
from runtime.engine.usage import groups_of, usage_of
from spaceport.engine import Usage

NETWORK = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs
    lo:     900       1    0    0    0     0          0         0      900       1    0
  eth0:    1000      10    0    0    0     0          0         0      500       5    0
"""


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_version_2(tmp_path: Path) -> None:
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    write(root, cgroup__controllers="cpu memory")
    write(
        root / "a/b",
        cpu__stat="usage_usec 1500000\nuser_usec 1\n",
        memory__current="300",
        memory__stat="anon 1\ninactive_file 100\n",
        memory__max="1000\n",
    )
    write(proc / "7", cgroup="0::/a/b\n")
    write(proc / "7/net", dev=NETWORK)
    assert usage_of(7, root, proc) == Usage(1.5, 200, 1000, 1000, 500)
    write(root / "a/b", memory__max="max\n")
    assert usage_of(7, root, proc).memory_limit is None


def test_version_1(tmp_path: Path) -> None:
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    write(root / "cpuacct/a", cpuacct__usage="2500000000\n")
    write(
        root / "memory/b",
        memory__usage_in_bytes="300\n",
        memory__stat="cache 9\ntotal_inactive_file 100\n",
        memory__limit_in_bytes="9223372036854771712\n",
    )
    write(proc / "7", cgroup="4:memory:/b\n3:cpu,cpuacct:/a\n")
    assert usage_of(7, root, proc) == Usage(2.5, 200, None, None, None)


def test_groups_of_a_process() -> None:
    found = groups_of("4:memory:/b:c\n3:cpu,cpuacct:/a\n0::/\n")
    assert found == {"memory": "b:c", "cpu": "a", "cpuacct": "a", "": ""}


def test_what_a_remote_engine_tells() -> None:
    stats = {
        "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}},
        "memory_stats": {"usage": 300, "limit": 1000, "stats": {"inactive_file": 100}},
        "networks": {"eth0": {"rx_bytes": 10, "tx_bytes": 5}},
    }
    assert usage_told(stats) == Usage(1.5, 200, 1000, 10, 5)

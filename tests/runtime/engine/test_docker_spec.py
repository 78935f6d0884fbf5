"""A spec becomes exactly this request, field for field (security RUN-01)."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from runtime.engine.bridges import part
from runtime.engine.docker_networks import network_arguments
from runtime.engine.docker_spec import Surroundings, container_name, create_arguments
from spaceport.engine import ContainerSpec, Limits, Mount, Network, Tmpfs
from spaceport.errors import Invalid

AROUND = Surroundings(
    instance="i1",
    networks={Network.NONE: "none", Network.APP: "apps", Network.BUILD: "builds"},
    cgroup_parent="/spaceport-i1",
    dns=("192.0.2.53",),
)


@pytest.mark.req("RUN-01")
def test_an_app() -> None:
    spec = ContainerSpec(
        name="replica-1",
        image="base:1",
        command=("python", "app.py"),
        env={"PORT": "7860", "TEXT": "a=b"},
        working_dir="/app",
        mounts=(Mount(Path("/srv/code"), "/app"), Mount(Path("/srv/data"), "/data", False)),
        tmpfs=(Tmpfs("/tmp", 1000), Tmpfs("/x", 5, 0o700, exec=False)),
        limits=Limits(cpus=0.5, memory=2**30, pids=100, shm=2**20, nofile=512),
        labels={"spaceport.space": "s1", "spaceport.instance": "forged"},
    )
    body = create_arguments(spec, AROUND)
    options = body["HostConfig"].pop("SecurityOpt")
    assert options[0] == "no-new-privileges:true"
    assert json.loads(options[1].removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"
    assert body == {
        "Image": "base:1",
        "Entrypoint": ["python"],
        "Cmd": ["app.py"],
        "Env": ["PORT=7860", "TEXT=a=b"],
        "Labels": {"spaceport.space": "s1", "spaceport.instance": "i1"},
        "Tty": False,
        "OpenStdin": False,
        "StopSignal": "SIGTERM",
        "Healthcheck": {"Test": ["NONE"]},
        "WorkingDir": "/app",
        "User": "1000:1000",
        "HostConfig": {
            "Init": True,
            "RestartPolicy": {"Name": "no"},
            "NetworkMode": "apps",
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "Privileged": False,
            "CapDrop": ["ALL"],
            "ReadonlyRootfs": True,
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": "/srv/code",
                    "Target": "/app",
                    "ReadOnly": True,
                    "BindOptions": {"Propagation": "rprivate"},
                },
                {
                    "Type": "bind",
                    "Source": "/srv/data",
                    "Target": "/data",
                    "ReadOnly": False,
                    "BindOptions": {"Propagation": "rprivate"},
                },
            ],
            "Tmpfs": {
                "/tmp": "rw,nosuid,nodev,exec,size=1000,mode=1777,uid=1000,gid=1000",
                "/x": "rw,nosuid,nodev,noexec,size=5,mode=700,uid=1000,gid=1000",
            },
            "Ulimits": [
                {"Name": "nofile", "Soft": 512, "Hard": 512},
                {"Name": "core", "Soft": 0, "Hard": 0},
            ],
            "OomScoreAdj": 500,
            "CpuShares": 1024,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "5242880", "max-file": "2"}},
            "NanoCpus": 500_000_000,
            "Memory": 2**30,
            "MemorySwap": 2**30,
            "PidsLimit": 100,
            "ShmSize": 2**20,
            "CgroupParent": "/spaceport-i1",
            "Dns": ["192.0.2.53"],
        },
    }


def test_a_build_step_weighs_less_and_keeps_no_log() -> None:
    spec = ContainerSpec("b", "base:1", low_priority=True, network=Network.NONE, user=None)
    body = create_arguments(spec, Surroundings("i1", keep_log=False))
    host = body["HostConfig"]
    assert (host["CpuShares"], host["OomScoreAdj"]) == (64, 800)
    assert host["LogConfig"] == {"Type": "none", "Config": {}}
    assert host["NetworkMode"] == "none"
    assert not {"User", "Entrypoint", "Cmd", "WorkingDir"} & set(body)
    assert not {"Memory", "NanoCpus", "Dns", "CgroupParent"} & set(host)


def test_the_instance_is_part_of_the_name() -> None:
    assert container_name("i1", "app.2") == "spaceport-i1-app.2"
    for bad in ("", "a b", "../x", "-x", "ä"):
        with pytest.raises(Invalid):
            container_name("i1", bad)


def test_networks_keep_neighbours_apart() -> None:
    subnet = IPv4Network("10.9.0.0/16")
    parts = [part(subnet, network) for network in (Network.APP, Network.BUILD, Network.CHOSEN)]
    assert list(map(str, parts)) == ["10.9.0.0/17", "10.9.128.0/18", "10.9.192.0/18"]
    body = network_arguments("i1", Network.BUILD, parts[1])
    bridge = body["Options"]["com.docker.network.bridge.name"]
    assert len(bridge) <= 15
    assert body["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert body["IPAM"]["Config"] == [{"Subnet": "10.9.128.0/18"}]
    assert body["Labels"] == {"spaceport.instance": "i1"}
    assert "IPAM" not in network_arguments("i1", Network.APP, None)
